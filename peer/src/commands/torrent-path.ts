import { createHash } from 'node:crypto'
import { link, lstat, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { syncDirectory } from '@holdfast/shared/node/make-directory'
import { isErrno } from '@holdfast/shared/node/system-error'
import {
  MAX_TORRENT_BYTES,
  type Metainfo,
  readTorrent,
  requireDistinctNames,
} from '@holdfast/shared/node/torrent/metainfo'
import { PeerError, reasonOf } from '../peer-error.ts'
import { readJsonTorrent } from '../torrent/json-torrent.ts'

/** A torrent of the document is known by its name. */
export const isJson = (path: string): boolean => path.toLowerCase().endsWith('.json')

export interface GivenTorrent {
  readonly metainfo: Metainfo
  /** The tracker knows the peers of a torrent of the document by it; any other torrent has none. */
  readonly hash: string | null
}

/** @throws PeerError that names the file */
export async function loadTorrent(path: string): Promise<GivenTorrent> {
  const bytes = await read(path).catch((error: unknown) => {
    throw new PeerError(`${path} cannot be read: ${reasonOf(error)}`)
  })
  return readTorrentFile(path, bytes)
}

function readTorrentFile(path: string, bytes: Buffer): GivenTorrent {
  try {
    if (isJson(path)) return readJsonTorrent(bytes)
    const metainfo = readTorrent(bytes)
    requireDistinctNames(metainfo)
    return { metainfo, hash: null }
  } catch (error) {
    throw new PeerError(`${path}: ${reasonOf(error)}`)
  }
}

async function read(path: string): Promise<Buffer> {
  if ((await stat(path)).size > 2 * MAX_TORRENT_BYTES) throw new PeerError('it is larger than a torrent can be')
  return readFile(path)
}

/** Writes a file that has its name only once it is whole. @throws PeerError where something has the name */
export async function writeNew(path: string, content: string | Uint8Array): Promise<void> {
  const digest = createHash('sha1').update(path).digest('hex')
  // What a crash leaves here is written over by the next try.
  const unfinished = join(dirname(path), `.holdfast-${digest.slice(0, 16)}.new`)
  try {
    const handle = await open(unfinished, 'w')
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await giveName(unfinished, path).finally(() => rm(unfinished, { force: true }))
    await syncDirectory(dirname(path))
  } catch (error) {
    throw new PeerError(`${path} cannot be written: ${reasonOf(error)}`)
  }
}

/** A link never takes the place of what is there. Some disks have none. */
async function giveName(unfinished: string, path: string): Promise<void> {
  try {
    await link(unfinished, path)
  } catch (error) {
    if (isErrno(error, 'EEXIST') || (await lstat(path).catch(() => null)) !== null) throw error
    await rename(unfinished, path)
  }
}
