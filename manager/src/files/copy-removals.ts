import { chunkNumberOf, fileIdOf, type ServerId } from '@holdfast/shared/ids'
import { type mongo, Types } from 'mongoose'
import type { Replica } from '../chunks/chunk.ts'
import { askDatabase, codeOf, DUPLICATE_KEY, DURABLE, patientFor } from '../mongo/database.ts'
import { type FileModel, type FileRecord, type Holder, KEPT, PLACES } from './file.model.ts'

/** To look through all records of a file-server takes a while, and nobody's request waits for it. */
const WALK_DEADLINE_MS = 60_000

/** Keeps account of copies that are to go: those that leave their chunk, and those that no record will ever name. */
export class CopyRemovals {
  readonly #model: FileModel
  readonly #collection: mongo.Collection<FileRecord>

  constructor(model: FileModel) {
    this.#model = model
    this.#collection = model.collection as unknown as mongo.Collection<FileRecord>
  }

  /** Finds holders, live or open, with a copy on `server` that is leaving. */
  findWithLeaving(server: ServerId, limit: number): Promise<Holder[]> {
    return this.#find({ state: KEPT, 'chunks.leaving.server': server }, limit)
  }

  /** @returns whether any document, live or not, names a copy on `server` */
  async namesCopyOn(server: ServerId): Promise<boolean> {
    for (const list of ['chunks.replicas.server', 'chunks.leaving.server']) {
      if ((await this.#find({ [list]: server }, 1, { _id: 1 })).length > 0) return true
    }
    return false
  }

  /** Takes copies that are gone from those that are leaving. */
  async forgetLeaving(holder: Pick<Holder, '_id'>, copies: readonly Replica[]): Promise<void> {
    if (copies.length === 0) return
    const copyId = { $in: copies.map((copy) => copy.copyId) }
    const update = { $pull: { 'chunks.$[].leaving': { copyId } } } as unknown as mongo.UpdateFilter<FileRecord>
    await askDatabase(() =>
      this.#collection.updateOne({ _id: holder._id, 'chunks.leaving.copyId': copyId }, update, DURABLE),
    )
  }

  /**
   * Has no record wait any more for copies on a file-server that never came back: those that are leaving, and those of deleted
   * records. What counts, or did before the file-server was lost, stays named.
   */
  async giveUpCopiesOn(server: ServerId): Promise<void> {
    const pull = (filter: object, list: string) => {
      const update = { $pull: { [`chunks.$[].${list}`]: { server } } }
      const options = { ...DURABLE, ...patientFor(WALK_DEADLINE_MS) }
      const pullAll = () => this.#collection.updateMany(filter as never, update as never, options)
      return askDatabase(pullAll, WALK_DEADLINE_MS)
    }
    await pull({ 'chunks.leaving.server': server }, 'leaving')
    await pull({ 'chunks.replicas.server': server, state: 'deleted' }, 'replicas')
  }

  /**
   * Makes sure that no holder will ever name the copy. Where there is no record, a tombstone takes the file's id; where a
   * record does not name the copy, the chunk's version is raised, which stops a move that is under way. @returns false where
   * a holder names it
   */
  async renounceCopy(copy: Pick<Replica, 'copyId' | 'server' | 'slot'>): Promise<boolean> {
    const _id = new Types.ObjectId(fileIdOf(copy.copyId))
    const [now, state] = ['$$NOW', 'tombstone' as const]
    try {
      const tombstone = [{ $set: { state, createdAt: now, deletedAt: now, chunks: [] } }]
      await askDatabase(() => this.#collection.updateOne({ _id, state }, tombstone, { upsert: true, ...DURABLE }))
      return true
    } catch (error) {
      if (codeOf(error) !== DUPLICATE_KEY) throw error
    }
    return this.#renounceBesideRecord(_id, copy)
  }

  async #renounceBesideRecord(
    _id: Types.ObjectId,
    { copyId, server, slot }: Pick<Replica, 'copyId' | 'server' | 'slot'>,
  ): Promise<boolean> {
    const path = `chunks.${chunkNumberOf(copyId)}`
    const named = { $elemMatch: { copyId, server, slot } }
    const unnamed = { _id, 'chunks.replicas': { $not: named }, 'chunks.leaving': { $not: named } }
    const update = async (filter: object, change: object): Promise<boolean> => {
      const updateOne = () => this.#collection.updateOne(filter as never, change as never, DURABLE)
      return (await askDatabase(updateOne)).matchedCount === 1
    }
    if (await update({ ...unnamed, [path]: { $exists: true } }, { $inc: { [`${path}.version`]: 1 } })) return true
    // A file that is still coming in may have no such chunk yet, and from then on does not take this copy for it.
    if (await update({ ...unnamed, [path]: { $exists: false } }, { $addToSet: { renounced: copyId } })) return true
    // The record names the copy, or is gone: then it is judged anew later.
    return false
  }

  /** Removes tombstones older than `ageMs` by mongod's clock, for no manager has slept that long. */
  async forgetTombstones(ageMs: number): Promise<number> {
    const isOld = { $lt: ['$deletedAt', { $subtract: ['$$NOW', ageMs] }] }
    const filter = { state: 'tombstone' as const, deletedAt: { $type: 'date' as const }, $expr: isOld }
    return (await askDatabase(() => this.#collection.deleteMany(filter, DURABLE))).deletedCount
  }

  #find(filter: object, limit: number, fields: object = PLACES): Promise<Holder[]> {
    return askDatabase(() => this.#model.find(filter, fields).limit(limit).lean<Holder[]>().exec())
  }
}
