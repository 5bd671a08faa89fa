import type { CopyId, FileId, ServerId, Slot } from '@holdfast/shared/ids'
import { chunkNumberOf, fileIdOf } from '@holdfast/shared/ids'
import { type mongo, Types } from 'mongoose'
import type { PlacedChunk, Replica } from '../chunks/chunk.ts'
import { askDatabase, DURABLE } from '../mongo/database.ts'
import type { FileModel, FileRecord, Holder } from './file.model.ts'

const DUPLICATE_KEY = 11_000

/** Upkeep reads only these fields of a holder. */
const PLACES = {
  state: 1,
  storageClass: 1,
  short: 1,
  'chunks.size': 1,
  'chunks.sha256': 1,
  'chunks.replicas': 1,
  'chunks.leaving': 1,
  'chunks.version': 1,
} as const
/** What it reads of one whose bytes it is going to verify. The tags of a large file take more than all the rest. */
const PLACES_AND_TAGS = { ...PLACES, 'chunks.tags': 1, partKey: 1 } as const

/**
 * Reads and changes where chunks are, for upkeep. A change compares the version of the one chunk and its exact list of
 * replicas with what it was planned on, so that changes of other chunks of the same file do not disturb it.
 */
export class HolderRecords {
  readonly #model: FileModel
  readonly #collection: mongo.Collection<FileRecord>

  constructor(model: FileModel) {
    this.#model = model
    this.#collection = model.collection as unknown as mongo.Collection<FileRecord>
  }

  async findHolders(ids: readonly FileId[]): Promise<Map<FileId, Holder>> {
    const found = await this.#find({ _id: { $in: ids.map((id) => new Types.ObjectId(id)) } })
    return new Map(found.map((holder) => [holder._id.toHexString() as FileId, holder]))
  }

  /** Finds live holders with a replica on `server` in the slots `from` to `to`, `to` not included. */
  findInSlots(server: ServerId, from: number, to: number, limit: number): Promise<Holder[]> {
    const place = { $elemMatch: { server, slot: { $gte: from, $lt: to } } }
    return this.#find({ state: 'live', 'chunks.replicas': place }, limit)
  }

  /**
   * Finds some live holders of chunks that can move: with a replica on `from` and none on `to`. The tags of their chunks come
   * along.
   */
  findMovable({ from, to }: { readonly from: ServerId; readonly to: ServerId }, limit: number): Promise<Holder[]> {
    const movable = { $elemMatch: { 'replicas.server': { $eq: from, $ne: to } } }
    return this.#find({ state: 'live', 'chunks.replicas.server': from, chunks: movable }, limit, PLACES_AND_TAGS)
  }

  /** Finds live holders with a copy on `server` that is leaving. */
  findWithLeaving(server: ServerId, limit: number): Promise<Holder[]> {
    return this.#find({ state: 'live', 'chunks.leaving.server': server }, limit)
  }

  /**
   * Puts one replica in the place of another, which is leaving from then on, if the chunk is still the one that the change
   * was planned on. @returns whether it was replaced. @throws DATABASE_UNAVAILABLE where that is not known: then no copy may
   * be deleted
   */
  async replaceReplica(
    holder: Pick<Holder, '_id'>,
    { number, chunk }: Pick<PlacedChunk, 'number' | 'chunk'>,
    { from, to }: { readonly from: Replica; readonly to: Replica },
  ): Promise<boolean> {
    const path = `chunks.${number}`
    const replicas = chunk.replicas.map((replica) => (replica.copyId === from.copyId ? to : replica))
    const result = await askDatabase(() =>
      this.#collection.updateOne(
        {
          _id: holder._id,
          state: 'live',
          [`${path}.version`]: chunk.version,
          [`${path}.replicas`]: chunk.replicas,
        } as mongo.Filter<FileRecord>,
        {
          $set: { [`${path}.replicas`]: replicas },
          $push: { [`${path}.leaving`]: from },
          $inc: { [`${path}.version`]: 1 },
        } as mongo.UpdateFilter<FileRecord>,
        DURABLE,
      ),
    )
    return result.modifiedCount === 1
  }

  /** Takes a copy that is gone from those that are leaving. */
  async forgetLeaving(holder: Pick<Holder, '_id'>, { copyId }: Replica): Promise<void> {
    const update = { $pull: { 'chunks.$[].leaving': { copyId } } } as unknown as mongo.UpdateFilter<FileRecord>
    await askDatabase(() =>
      this.#collection.updateOne({ _id: holder._id, 'chunks.leaving.copyId': copyId }, update, DURABLE),
    )
  }

  /**
   * Makes sure that no holder will ever name the copy. Where there is no record, a tombstone takes the file's id; where a
   * record does not name the copy, the chunk's version is raised, which stops a move that is under way. @returns false where
   * a holder names it
   */
  async renounceCopy(copy: {
    readonly copyId: CopyId
    readonly server: ServerId
    readonly slot: Slot
  }): Promise<boolean> {
    const _id = new Types.ObjectId(fileIdOf(copy.copyId))
    const now = new Date()
    try {
      const tombstone = { _id, state: 'tombstone', createdAt: now, deletedAt: now, chunks: [] }
      await this.#collection.insertOne(tombstone as never, DURABLE)
      return true
    } catch (error) {
      if ((error as { code?: unknown }).code !== DUPLICATE_KEY) return askDatabase(() => Promise.reject(error))
    }
    return this.#renounceBesideRecord(_id, copy)
  }

  async #renounceBesideRecord(
    _id: Types.ObjectId,
    { copyId, server, slot }: { readonly copyId: CopyId; readonly server: ServerId; readonly slot: Slot },
  ): Promise<boolean> {
    const path = `chunks.${chunkNumberOf(copyId)}`
    const named = { $elemMatch: { copyId, server, slot } }
    const unnamed = { _id, 'chunks.replicas': { $not: named }, 'chunks.leaving': { $not: named } }
    const update = async (filter: object, change: object): Promise<boolean> => {
      const result = await askDatabase(() =>
        this.#collection.updateOne(
          filter as mongo.Filter<FileRecord>,
          change as mongo.UpdateFilter<FileRecord>,
          DURABLE,
        ),
      )
      return result.matchedCount === 1
    }
    if (await update({ ...unnamed, [path]: { $exists: true } }, { $inc: { [`${path}.version`]: 1 } })) return true
    // A file that is still coming in may have no such chunk yet, and from then on does not take this copy for it.
    if (await update({ ...unnamed, [path]: { $exists: false } }, { $addToSet: { renounced: copyId } })) return true
    // The record names the copy, or is gone: then it is judged anew later.
    return false
  }

  /** Removes tombstones older than `ageMs`, for no manager has slept that long. */
  async forgetTombstones(ageMs: number): Promise<number> {
    const filter = { state: 'tombstone' as const, deletedAt: { $lt: new Date(Date.now() - ageMs) } }
    return (await askDatabase(() => this.#model.deleteMany(filter, DURABLE))).deletedCount
  }

  #find(filter: object, limit = 0, fields: object = PLACES): Promise<Holder[]> {
    return askDatabase(() => this.#model.find(filter, fields).limit(limit).lean<Holder[]>().exec())
  }
}
