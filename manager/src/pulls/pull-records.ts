import { StoreError } from '@holdfast/shared/errors/store-error'
import { mongo } from 'mongoose'
import type { StorageClass } from '../files/file.model.ts'
import { KEPT_FAILED_MS } from '../jobs/jobs.ts'
import { askDatabase, type Database, DURABLE } from '../mongo/database.ts'

/** Describes a torrent that is to be pulled in. It is needed until its files are stored, or somebody has called it off. */
export interface Pull {
  /** Its job has the same id. */
  readonly id: string
  readonly infoHash: string
  /** This is the `.torrent`, or null where only the magnet link is known. */
  readonly torrent: Buffer | null
  readonly magnet: string | null
  /** Its files' names begin with this. */
  readonly folder: string
  readonly storageClass: StorageClass
}

interface PullDocument extends Omit<Pull, 'id' | 'torrent'> {
  readonly _id: string
  readonly torrent: mongo.Binary | null
  readonly usedAt: Date
}

/** A pull that nobody has tried for so long is forgotten, a little before the job that has failed. */
const KEPT_SECONDS = KEPT_FAILED_MS / 1_000 - 86_400
/** A torrent has some MiB at most. */
const MAX_PULLS = 1_000

/** Keeps what is to be pulled in, because a queue of jobs may be lost, and a job is small. */
export class PullRecords {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async prepare(): Promise<void> {
    await this.#pulls.createIndex({ usedAt: 1 }, { expireAfterSeconds: KEPT_SECONDS, name: 'unused' })
  }

  /** Takes the place of one with the same id. @throws OVERLOADED where there are too many, DATABASE_UNAVAILABLE */
  async put({ id, torrent, ...pull }: Pull): Promise<void> {
    await askDatabase(async () => {
      if ((await this.#pulls.estimatedDocumentCount()) >= MAX_PULLS)
        throw new StoreError('OVERLOADED', `${MAX_PULLS} torrents are to be pulled in already`)
      const fields = { ...pull, torrent: torrent && new mongo.Binary(torrent) }
      const change = { $set: fields, $currentDate: { usedAt: true as const } }
      await this.#pulls.updateOne({ _id: id }, change, { upsert: true, ...DURABLE })
    })
  }

  /** @throws DATABASE_UNAVAILABLE */
  async use(id: string): Promise<Pull | null> {
    const used = { $currentDate: { usedAt: true as const } }
    const found = await askDatabase(() => this.#pulls.findOneAndUpdate({ _id: id }, used))
    if (found === null) return null
    const { _id, usedAt: _, torrent, ...pull } = found
    return { ...pull, id: _id, torrent: torrent && Buffer.from(torrent.buffer) }
  }

  /** @throws DATABASE_UNAVAILABLE */
  async isNeeded(id: string): Promise<boolean> {
    return (await askDatabase(() => this.#pulls.countDocuments({ _id: id }, { limit: 1 }))) > 0
  }

  /** @returns whether it was there. @throws DATABASE_UNAVAILABLE */
  async forget(id: string): Promise<boolean> {
    return (await askDatabase(() => this.#pulls.deleteOne({ _id: id }, DURABLE))).deletedCount > 0
  }

  /** @returns all of them, but not what they are of. @throws DATABASE_UNAVAILABLE */
  async list(): Promise<{ readonly id: string; readonly infoHash: string; readonly folder: string }[]> {
    const projection = { infoHash: 1, folder: 1 } as const
    const found = await askDatabase(() => this.#pulls.find({}, { projection }).limit(MAX_PULLS).toArray())
    return found.map(({ _id, infoHash, folder }) => ({ id: _id, infoHash, folder }))
  }

  get #pulls() {
    return this.#database.connection.collection<PullDocument>('pulls')
  }
}
