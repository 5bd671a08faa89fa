import { createHash, randomBytes } from 'node:crypto'
import type { FileRecord } from '../../../src/files/file.model.ts'
import { FileRecords } from '../../../src/files/file-records.ts'
import { MerkleHasher } from '../../../src/peers/torrents/merkle-hasher.ts'
import { type TorrentInfo, trackedHashesOf } from '../../../src/peers/torrents/metainfo.ts'
import { PieceHasher } from '../../../src/peers/torrents/piece-hasher.ts'
import { TorrentRecords } from '../../../src/peers/torrents/torrent-records.ts'
import { newName, newRecord, type useDatabase } from '../../mongo/mongo-fixture.ts'

export const PIECE_BYTES = 262_144

export const sha1 = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('hex')
export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

export interface StoredTorrent {
  readonly bytes: Buffer
  readonly record: FileRecord
  readonly info: TorrentInfo
  /** Its info-hashes, of version 1, and both of the hybrid. */
  readonly hashes: readonly [string, string, string]
}

/** Makes records of files whose pieces are hashed. */
export function torrentsOf(used: ReturnType<typeof useDatabase>) {
  const torrents = new TorrentRecords(used.database)
  const files = new FileRecords(used.model)
  const store = async (fields: Partial<FileRecord> = {}, bytes = randomBytes(600_000)): Promise<StoredTorrent> => {
    await torrents.prepare()
    const record = newRecord(newName(), { size: bytes.length, ...fields })
    await files.insert(record)
    const [pieces, merkle] = [new PieceHasher(PIECE_BYTES), new MerkleHasher(PIECE_BYTES)]
    pieces.update(bytes)
    merkle.update(bytes)
    const name = record.torrentName ?? record.name
    const made = { name, size: bytes.length, pieceLength: PIECE_BYTES }
    const info = { ...made, pieces: pieces.digest(), merkle: merkle.digest() }
    await torrents.keep(record._id.toHexString(), info)
    const [first = ''] = trackedHashesOf({ ...info, merkle: null })
    const [second = '', third = ''] = trackedHashesOf(info)
    return { bytes, record, info, hashes: [first, second, third] }
  }
  return { torrents, files, store }
}
