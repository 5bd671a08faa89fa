import { open, readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncDirectory } from '@holdfast/shared/node/make-directory'
import { MAX_TORRENT_BYTES, type Metainfo, readTorrent } from '@holdfast/shared/node/torrent/metainfo'
import { PeerError, reasonOf } from '../peer-error.ts'
import { readJsonTorrent } from '../torrent/json-torrent.ts'

/** A torrent of the document is known by its name. */
export const isJson = (path: string): boolean => path.toLowerCase().endsWith('.json')

export interface GivenTorrent {
  readonly metainfo: Metainfo
  /** The tracker's, of a torrent of the document. */
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
    return { metainfo: readTorrent(bytes), hash: null }
  } catch (error) {
    throw new PeerError(`${path}: ${reasonOf(error)}`)
  }
}

async function read(path: string): Promise<Buffer> {
  if ((await stat(path)).size > 2 * MAX_TORRENT_BYTES) throw new PeerError('it is larger than a torrent can be')
  return readFile(path)
}

/** @throws PeerError where something has the name */
export async function writeNew(path: string, content: string | Uint8Array): Promise<void> {
  try {
    const handle = await open(path, 'wx')
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await syncDirectory(dirname(path))
  } catch (error) {
    throw new PeerError(`${path} cannot be written: ${reasonOf(error)}`)
  }
}
