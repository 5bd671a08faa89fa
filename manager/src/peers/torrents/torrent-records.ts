import { mongo } from 'mongoose'
import { askDatabase, type Database } from '../../mongo/database.ts'
import type { TorrentInfo } from './metainfo.ts'

interface TorrentDocument {
  /** The file's id, which means these bytes for ever. */
  readonly _id: string
  /** The name that the file had first, for another one would make another info-hash. */
  readonly name: string
  readonly size: number
  readonly pieceLength: number
  readonly pieces: mongo.Binary
  readonly usedAt: Date
}

/** Piece hashes that nobody asks for are computed again when somebody does. */
const KEPT_SECONDS = 30 * 86_400

/** Keeps the piece hashes of files. */
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

  /** @returns what is kept, which is another manager's where that came first. @throws DATABASE_UNAVAILABLE */
  async keep(fileId: string, { name, size, pieceLength, pieces }: TorrentInfo): Promise<TorrentInfo> {
    const made = { name, size, pieceLength, pieces: new mongo.Binary(pieces) }
    const change = { $setOnInsert: made, $currentDate: { usedAt: true as const } }
    const options = { upsert: true, returnDocument: 'after' as const }
    const kept = await askDatabase(() => this.#torrents.findOneAndUpdate({ _id: fileId }, change, options))
    return kept === null ? { name, size, pieceLength, pieces } : infoOf(kept)
  }

  get #torrents() {
    return this.#database.connection.collection<TorrentDocument>('torrents')
  }
}

function infoOf({ name, size, pieceLength, pieces }: TorrentDocument): TorrentInfo {
  return { name, size, pieceLength, pieces: Buffer.from(pieces.buffer) }
}
