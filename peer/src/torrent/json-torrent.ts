import { createHash } from 'node:crypto'
import { MAX_PIECES, type Metainfo, readTorrent, requireSizes } from '@holdfast/shared/node/torrent/metainfo'
import { z } from 'zod'
import { PeerError, reasonOf } from '../peer-error.ts'
import { makeTorrent } from './make-torrent.ts'

const fileInfo = z.object({
  FileInfo: z.object({
    Size: z.int().min(1),
    PartSize: z.int().min(1),
    Parts: z
      .array(z.string().regex(/^[0-9a-f]{40}$/i, 'must be a SHA-1'))
      .min(1)
      .max(MAX_PIECES),
    Hash: z.uuid(),
  }),
})

/** A torrent of the document has what it describes, and the hash by which the tracker knows its peers. */
export interface JsonTorrent {
  readonly hash: string
  readonly metainfo: Metainfo
}

/** @throws PeerError, TorrentError that says what is wrong with it */
export function readJsonTorrent(bytes: Uint8Array): JsonTorrent {
  let json: unknown
  try {
    json = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (error) {
    throw new PeerError(`it is no torrent: it is not JSON (${reasonOf(error)})`)
  }
  const parsed = fileInfo.safeParse(json)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new PeerError(`it is no torrent: ${issue?.path.join('.')}: ${issue?.message}`)
  }
  const { Size, PartSize, Parts, Hash } = parsed.data.FileInfo
  requireSizes(Size, PartSize)
  return { hash: Hash, metainfo: metainfoOf(Size, PartSize, Buffer.from(Parts.join(''), 'hex')) }
}

/** @returns the file, with its parts on lines of their own as in the document */
export function writeJsonTorrent(hash: string, { length, pieceLength, pieces }: Metainfo): string {
  const hex = pieces.toString('hex')
  const parts = Array.from({ length: pieces.length / 20 }, (_, index) => hex.slice(40 * index, 40 * index + 40))
  return `${JSON.stringify({ FileInfo: { Size: length, PartSize: pieceLength, Parts: parts, Hash: hash } }, null, 2)}\n`
}

/**
 * The peers of a hash find each other's bytes on the BitTorrent wire by an info-hash that follows from the parts alone, so
 * that all who have the same file of the document have the same one.
 */
export function metainfoOf(length: number, pieceLength: number, pieces: Buffer): Metainfo {
  const name = createHash('sha1').update(pieces).digest('hex')
  return readTorrent(makeTorrent({ name, length, pieceLength, pieces }, []))
}
