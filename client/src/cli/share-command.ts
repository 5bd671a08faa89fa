import { basename } from 'node:path'
import type { FileDescription } from '../answers.ts'
import type { ShareOptions } from '../store-client.ts'
import { type Console, printResult } from './console.ts'
import { upload } from './upload.ts'

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

async function torrentAddresses(
  { client, signal }: Console,
  stored: Pick<FileDescription, 'id'>,
): Promise<TorrentAddresses> {
  const torrent = client.torrentOf(stored)
  try {
    return { torrent, magnet: await client.magnetOf(stored, { signal }) }
  } catch (failure) {
    return { torrent, failure }
  }
}
