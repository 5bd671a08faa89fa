import { mongo } from 'mongoose'
import { askDatabase, type Database } from '../../mongo/database.ts'
import { type TorrentInfo, trackedHashesOf } from './metainfo.ts'

interface TorrentDocument {
  /** This is the file's id, which means these bytes for ever. */
  readonly _id: string
  readonly name: string
  readonly size: number
  readonly pieceLength: number
  readonly pieces: mongo.Binary
  /** Versions that made no hybrids have left documents without it. */
  readonly merkle?: { readonly root: mongo.Binary; readonly layer: mongo.Binary }
  /** Peers know its torrents by these, that of version 1 and the hybrid. Older versions have left documents without them. */
  readonly hashes?: readonly string[]
  readonly usedAt: Date
}

/** Piece hashes that nobody asks for are computed again when somebody does. */
const KEPT_SECONDS = 30 * 86_400
/** Of files with the same info-hash so many are looked at. */
const MAX_NAMED = 16

/** Keeps the piece hashes of files: some 200 KB of the largest file that there can be. */
export class TorrentRecords {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async prepare(): Promise<void> {
    await this.#torrents.createIndexes([
      { key: { usedAt: 1 }, expireAfterSeconds: KEPT_SECONDS, name: 'unused' },
      { key: { hashes: 1 }, name: 'hashes' },
    ])
  }

  /** @throws DATABASE_UNAVAILABLE */
  async find(fileId: string): Promise<TorrentInfo | null> {
    const noted = { $currentDate: { usedAt: true as const } }
    const found = await askDatabase(() => this.#torrents.findOneAndUpdate({ _id: fileId }, noted))
    if (found === null) return null
    const info = infoOf(found)
    const hashCount = info.merkle === null ? 1 : 3
    if (found.hashes?.length !== hashCount) await this.#nameHashes(fileId, info)
    return info
  }

  /**
   * @returns the files whose torrents have one of these info-hashes, in 40 hex digits: several have the same where their names
   * and bytes are the same. @throws DATABASE_UNAVAILABLE
   */
  async listByHash(hashes: readonly string[]): Promise<{ fileId: string; hashes: readonly string[] }[]> {
    const named = { hashes: { $in: [...hashes] } }
    const projection = { hashes: 1 as const }
    const found = await askDatabase(() =>
      this.#torrents
        .find(named, { projection })
        // The newest first, for those of deleted files stay for a while.
        .sort({ _id: -1 })
        .limit(MAX_NAMED * hashes.length)
        .toArray(),
    )
    return found.map(({ _id, hashes = [] }) => ({ fileId: _id, hashes }))
  }

  /**
   * Keeps what came of a file's bytes. What is kept already stays as it is, for somebody may have a torrent of it, and what it
   * lacks is added. @throws DATABASE_UNAVAILABLE
   */
  async keep(fileId: string, { name, size, pieceLength, pieces, merkle }: TorrentInfo): Promise<void> {
    const made = { name, size, pieceLength, pieces: new mongo.Binary(pieces) }
    const added = merkle && { merkle: { root: new mongo.Binary(merkle.root), layer: new mongo.Binary(merkle.layer) } }
    const change = {
      $setOnInsert: made,
      $currentDate: { usedAt: true as const },
      ...(added !== null && { $set: added }),
    }
    const options = { upsert: true, returnDocument: 'after' as const }
    const kept = await askDatabase(() => this.#torrents.findOneAndUpdate({ _id: fileId }, change, options))
    if (kept !== null) await this.#nameHashes(fileId, infoOf(kept))
  }

  async #nameHashes(fileId: string, info: TorrentInfo): Promise<void> {
    const hashes = [
      ...trackedHashesOf({ ...info, merkle: null }),
      ...(info.merkle === null ? [] : trackedHashesOf(info)),
    ]
    await askDatabase(() => this.#torrents.updateOne({ _id: fileId }, { $set: { hashes } }))
  }

  get #torrents() {
    return this.#database.connection.collection<TorrentDocument>('torrents')
  }
}

function infoOf({ name, size, pieceLength, pieces, merkle }: TorrentDocument): TorrentInfo {
  return {
    ...{ name, size, pieceLength, pieces: bytesOf(pieces) },
    merkle: merkle === undefined ? null : { root: bytesOf(merkle.root), layer: bytesOf(merkle.layer) },
  }
}

function bytesOf({ buffer }: mongo.Binary): Buffer {
  return Buffer.from(buffer)
}
