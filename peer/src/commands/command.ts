import { join, resolve, sep } from 'node:path'
import { z } from 'zod'
import { PeerError } from '../peer-error.ts'
import { downloadTorrent } from './download-torrent.ts'
import { getSong } from './get-song.ts'
import { list } from './list.ts'
import type { PeerDeps, Ui } from './peer-deps.ts'
import { search } from './search.ts'
import { shareFolder } from './songs.ts'
import { stopSharing } from './stop-sharing.ts'
import { upload } from './upload.ts'

const path = z.string().min(1).max(4_096)
const word = z.string().max(1_000)

/** A peer is asked to do one of these. Paths are whole, because it may run in another directory than who asks. */
export const command = z.discriminatedUnion('name', [
  z.object({ name: z.literal('upload'), path, torrent: path }),
  z.object({ name: z.literal('download'), torrent: path, path }),
  z.object({ name: z.literal('share'), folder: path }),
  z.object({ name: z.literal('search'), words: z.array(word).max(100) }),
  z.object({ name: z.literal('get'), id: word, path: path.optional() }),
  z.object({ name: z.literal('list') }),
  z.object({ name: z.literal('stop'), path: path.optional() }),
])
export type Command = z.output<typeof command>

export const usage = `upload PATH TORRENT     make a torrent of a file, register it with the tracker, and share the file
download TORRENT PATH   load what a torrent describes, or go on with it
share FOLDER            share the songs of a folder, and tell the tracker of them
search WORDS            find songs; artist=, song=, album= and year= name a field
get ID [PATH]           load a song from who has it, over UDP
list                    list what is shared
stop [PATH]             share a file no longer; without a path, end the peer`

/** @param words are a command and its arguments. @param directory is where relative paths start. @throws PeerError */
export function parseCommand(words: readonly string[], directory: string): Command {
  const [name, ...args] = words
  const at = (index: number): string => resolve(directory, args[index] ?? '')
  const counts = (least: number, most = least): void => {
    if (args.length < least || args.length > most || args.slice(0, least).includes(''))
      throw new PeerError(
        `${name} is used like this:\n${usage.split('\n').find((line) => line.startsWith(`${name} `)) ?? name}`,
      )
  }
  switch (name) {
    case 'upload':
      counts(2)
      return { name, path: at(0), torrent: at(1) }
    case 'download':
      counts(2)
      // A slash at the end says that a directory is meant.
      return { name, torrent: at(0), path: args[1]?.endsWith(sep) ? join(at(1), sep) : at(1) }
    case 'share':
      counts(1)
      return { name, folder: at(0) }
    case 'search':
      counts(1, 100)
      return { name, words: args }
    case 'get':
      counts(1, 2)
      return { name, id: args[0] ?? '', ...(args.length > 1 && { path: at(1) }) }
    case 'list':
      counts(0)
      return { name }
    case 'stop':
      counts(0, 1)
      return { name, ...(args.length > 0 && { path: at(0) }) }
    default:
      throw new PeerError(`${name} is no command; these are:\n${usage}`)
  }
}

/** Carries out a command but for the end of the peer. @throws PeerError */
export async function runCommand(deps: PeerDeps, ui: Ui, wanted: Command, signal: AbortSignal): Promise<void> {
  switch (wanted.name) {
    case 'upload':
      return upload(deps, ui, wanted.path, wanted.torrent, signal)
    case 'download':
      return downloadTorrent(deps, ui, wanted.torrent, wanted.path, signal)
    case 'share':
      return shareFolder(deps, ui, wanted.folder, signal)
    case 'search':
      return search(deps, ui, wanted.words, signal)
    case 'get':
      return getSong(deps, ui, wanted.id, wanted.path, signal)
    case 'list':
      return list(deps, ui)
    case 'stop':
      return wanted.path === undefined ? undefined : stopSharing(deps, ui, wanted.path, signal)
    default:
      wanted satisfies never
  }
}

/** @returns whether a command ends the peer */
export function endsPeer(wanted: Command): boolean {
  return wanted.name === 'stop' && wanted.path === undefined
}
