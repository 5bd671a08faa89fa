import { mongo } from 'mongoose'
import { askDatabase, type Database } from '../../mongo/database.ts'
import type { TorrentInfo } from './metainfo.ts'

interface TorrentDocument {
  /** The file's id, which means these bytes for ever. */
  readonly _id: string
  readonly name: string
  readonly size: number
  readonly pieceLength: number
  readonly pieces: mongo.Binary
  /** Versions that made no hybrids have left documents without it. */
  readonly merkle?: { readonly root: mongo.Binary; readonly layer: mongo.Binary }
  readonly usedAt: Date
}

/** Piece hashes that nobody asks for are computed again when somebody does. */
const KEPT_SECONDS = 30 * 86_400

/** Keeps the piece hashes of files: some 200 KB of the largest file that there can be. */
export class TorrentRecords {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async prepare(): Promise<void> {
    await this.#torrents.createIndex({ usedAt: 1 }, { expireAfterSeconds: KEPT_SECONDS, name: 'unused' })
  }

  /** @throws DATABASE_UNAVAILABLE */
  async find(fileId: string): Promise<TorrentInfo | null> {
    const noted = { $currentDate: { usedAt: true as const } }
    const found = await askDatabase(() => this.#torrents.findOneAndUpdate({ _id: fileId }, noted))
    return found && infoOf(found)
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
    await askDatabase(() => this.#torrents.updateOne({ _id: fileId }, change, { upsert: true }))
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
