import type { CopyId, FileId, ServerId, Slot } from '@holdfast/shared/ids'
import { fileIdOf } from '@holdfast/shared/ids'
import { Types } from 'mongoose'
import { askDatabase, DURABLE } from '../mongo/database.ts'
import type { FileModel, FileRecord, Replica } from './file.model.ts'

const DUPLICATE_KEY = 11_000

/** What upkeep needs of a record to judge a copy. */
export type PlacedRecord = Pick<FileRecord, '_id' | 'state' | 'chunks'>

/** Reads and changes of where files are, for upkeep. A change of replicas carries the version that it was planned on. */
export class ReplicaRecords {
  readonly #model: FileModel

  constructor(model: FileModel) {
    this.#model = model
  }

  async findPlaces(ids: readonly FileId[]): Promise<Map<FileId, PlacedRecord>> {
    const found = await askDatabase(() =>
      this.#model
        .find({ _id: { $in: ids } }, { state: 1, chunks: 1 })
        .lean<PlacedRecord[]>()
        .exec(),
    )
    return new Map(found.map((record) => [record._id.toHexString() as FileId, record]))
  }

  /** Live files with a replica on `server` in the slots `from` to `to`, `to` not included. */
  findInSlots(server: ServerId, from: number, to: number, limit: number): Promise<PlacedRecord[]> {
    const place = { $elemMatch: { server, slot: { $gte: from, $lt: to } } }
    return askDatabase(() =>
      this.#model
        .find({ state: 'live', 'chunks.replicas': place }, { state: 1, chunks: 1 })
        .limit(limit)
        .lean<PlacedRecord[]>()
        .exec(),
    )
  }

  /** Some live files with a replica on `server`. */
  sampleOn(server: ServerId, limit: number): Promise<FileRecord[]> {
    return askDatabase(() =>
      this.#model.find({ state: 'live', 'chunks.replicas.server': server }).limit(limit).lean<FileRecord[]>().exec(),
    )
  }

  /**
   * Replaces one replica by another, if the record is still the one the change was planned on.
   * @returns whether it was replaced. @throws DATABASE_UNAVAILABLE where that is not known: then no copy may be deleted
   */
  async switchReplica(record: FileRecord, from: Replica, to: Replica): Promise<boolean> {
    const { _id, version } = record
    const result = await askDatabase(() =>
      this.#model.updateOne(
        { _id, state: 'live', version, 'chunks.replicas.copyId': from.copyId },
        { $set: { 'chunks.$[].replicas.$[replica]': to }, $inc: { version: 1 } },
        { ...DURABLE, arrayFilters: [{ 'replica.copyId': from.copyId }] },
      ),
    )
    return result.modifiedCount === 1
  }

  /**
   * Makes sure that no record will ever name the copy: a tombstone with the file's id where there is no record, a raised
   * version (which stops a transfer that is under way) where there is one that does not name it.
   * @returns false where a record names it
   */
  async renounceCopy(copy: {
    readonly copyId: CopyId
    readonly server: ServerId
    readonly slot: Slot
  }): Promise<boolean> {
    const { copyId, server, slot } = copy
    const _id = new Types.ObjectId(fileIdOf(copyId))
    const now = new Date()
    try {
      const tombstone = { _id, state: 'tombstone', createdAt: now, deletedAt: now, version: 0 }
      await this.#model.collection.insertOne(tombstone as never, DURABLE)
      return true
    } catch (error) {
      if ((error as { code?: unknown }).code !== DUPLICATE_KEY) return askDatabase(() => Promise.reject(error))
    }
    const unnamed = { _id, 'chunks.replicas': { $not: { $elemMatch: { copyId, server, slot } } } }
    const result = await askDatabase(() => this.#model.updateOne(unnamed, { $inc: { version: 1 } }, DURABLE))
    return result.matchedCount === 1
  }

  /** Removes tombstones older than `ageMs`: no manager has slept that long. */
  async forgetTombstones(ageMs: number): Promise<number> {
    const filter = { state: 'tombstone' as const, deletedAt: { $lt: new Date(Date.now() - ageMs) } }
    return (await askDatabase(() => this.#model.deleteMany(filter, DURABLE))).deletedCount
  }
}
