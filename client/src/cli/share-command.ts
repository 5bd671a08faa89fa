import { basename } from 'node:path'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileDescription } from '../answers.ts'
import { pause } from '../pause.ts'
import type { ShareOptions } from '../store-client.ts'
import { type Console, printResult } from './console.ts'
import { upload } from './upload.ts'

/** The manager has a request for a torrent wait, so this is only for one that does not. */
const ASK_AGAIN_MS = 500

interface ShareWish extends Pick<ShareOptions, 'name' | 'expires'> {
  readonly torrent?: boolean
}

/**
 * Stores a file and prints its link, with `torrent` also the address of its torrent and its magnet link, a line each, and
 * nothing else on standard output. @param path is `-` for standard input, for which the store makes a name up unless one is given.
 */
export async function share(console: Console, path: string, { torrent, ...wish }: ShareWish): Promise<void> {
  const { client, stderr, isJson } = console
  const label = wish.name ?? (path === '-' ? undefined : basename(path))
  const named = { ...wish, ...(label !== undefined && { name: label }) }
  const { stored, sizeBytes, sha256 } = await upload(console, { path, title: label ?? path }, (source, options) =>
    client.share(source, { ...options, ...named }),
  )
  const { id, name, expiresAt, isDegraded } = stored
  const link = client.urlOf(stored)
  const addresses: TorrentAddresses = torrent === true ? await torrentAddresses(console, stored) : {}
  const { failure, ...printed } = addresses
  const result = {
    link,
    ...printed,
    filename: name,
    id,
    sizeBytes,
    sha256,
    expiresAt,
    ...(isDegraded && { isDegraded }),
  }
  printResult(console, result, [link, ...Object.values(printed)].join('\n'))
  if (isDegraded && !isJson) stderr.write(`holdfast: ${name}: fewer file-servers have it yet than should\n`)
  if (failure !== undefined) throw failure
}

interface TorrentAddresses {
  readonly torrent?: string
  readonly magnet?: string
  /** The file is stored all the same, so its link is to be printed first. */
  readonly failure?: unknown
}

/**
 * The file is hashed first, which takes long where it is large or others come before it. It is asked for again as long as the
 * manager tells how far it is, which it does of no other failure.
 */
async function torrentAddresses(
  { client, stderr, isJson, signal }: Console,
  stored: Pick<FileDescription, 'id' | 'name'>,
): Promise<TorrentAddresses> {
  const torrent = client.torrentOf(stored)
  let told: string | undefined
  for (;;) {
    try {
      if (told !== undefined) await pause(ASK_AGAIN_MS, signal)
      return { torrent, magnet: await client.magnetOf(stored, { signal }) }
    } catch (failure) {
      const progress = isUnavailable(failure) ? failure.detail : undefined
      if (progress === undefined) return { torrent, failure }
      if (!isJson && progress !== told) stderr.write(`holdfast: ${stored.name}: ${progress}\n`)
      told = progress
    }
  }
}

function isUnavailable(failure: unknown): failure is StoreError {
  return failure instanceof StoreError && failure.name === 'FILE_UNAVAILABLE'
}
