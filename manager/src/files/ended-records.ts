import type { FileName } from '@holdfast/shared/file-name'
import type { ServerId } from '@holdfast/shared/ids'
import type { mongo, Types } from 'mongoose'
import type { Replica } from '../chunks/chunk.ts'
import { askDatabase, DURABLE } from '../mongo/database.ts'
import { GroupedWork, resultOf } from '../mongo/grouped-work.ts'
import { type Extent, ending, type FileModel, type FileRecord } from './file.model.ts'
import { forgetAll } from './record-groups.ts'

/** To look through many records takes a while on large collections, and nobody's request waits for it. */
const WALK_DEADLINE_MS = 12_000
/** The copies of a file that has expired stay for so long, because clocks jump. */
const EXPIRED_KEPT_MS = 3_600_000
/** An open file that nobody has added to for so long is given up. */
const ABANDONED_AFTER_MS = 3_600_000

/** Matches deleted files whose bytes may go, by mongod's clock. */
const due = {
  state: 'deleted' as const,
  bytesDueAt: { $type: 'date' as const },
  $expr: { $lte: ['$bytesDueAt', '$$NOW'] },
}
/** Matches a holder that may be forgotten: no copy of it is left, and no extent that has yet to be ended. */
const emptied = {
  'chunks.replicas.0': { $exists: false },
  'chunks.leaving.0': { $exists: false },
  extents: { $exists: false },
}

/**
 * Ends files whose time is over, and keeps the records of ended ones until their last copy is deleted. Every time here is
 * mongod's.
 */
export class EndedRecords {
  readonly #model: FileModel
  readonly #collection: mongo.Collection<FileRecord>
  readonly #forgets: GroupedWork<Types.ObjectId, undefined>

  constructor(model: FileModel) {
    this.#model = model
    const collection = model.collection as unknown as mongo.Collection<FileRecord>
    this.#collection = collection
    this.#forgets = new GroupedWork((ids) => forgetAll(collection, ids))
  }

  /** Ends the extents of a deleted file, whose own record stays until they are ended. */
  async endExtents({ _id, deletedAt, bytesDueAt }: FileRecord): Promise<void> {
    const end = bytesDueAt === undefined ? ending() : [{ $set: { state: 'deleted', deletedAt, bytesDueAt } }]
    await askDatabase(async () => {
      await this.#collection.updateMany({ fileId: _id, state: 'live' } as mongo.Filter<FileRecord>, end, DURABLE)
      await this.#model.updateOne({ _id, state: 'deleted' }, { $unset: { extents: 1 } }, DURABLE)
    })
  }

  /** Finds deleted files with copies that are still on the file-server, the longest waiting first. */
  findDeleted(server: ServerId, limit: number): Promise<FileRecord[]> {
    const filter = { ...due, $or: [{ 'chunks.replicas.server': server }, { 'chunks.leaving.server': server }] }
    const find = () => this.#collection.find(filter).sort({ bytesDueAt: 1 }).limit(limit).toArray()
    // Those that wait for a file-server which is away stand before the others.
    return askDatabase(find, WALK_DEADLINE_MS)
  }

  /** Notes that copies of a deleted file are gone. With the last one the record goes. */
  async forgetReplicas(id: Types.ObjectId, replicas: readonly Replica[]): Promise<void> {
    if (replicas.length === 0) return
    const gone = { copyId: { $in: replicas.map(({ copyId }) => copyId) } }
    await askDatabase(async () => {
      await this.#model.updateOne(
        { _id: id, state: 'deleted' },
        { $pull: { 'chunks.$[].replicas': gone, 'chunks.$[].leaving': gone } },
        DURABLE,
      )
      await this.#collection.deleteOne({ _id: id, ...due, ...emptied }, DURABLE)
    })
  }

  /** Removes the record of a deleted file whose last copy is gone. */
  async forget(id: Types.ObjectId): Promise<void> {
    resultOf(await this.#forgets.add(id))
  }

  /** Removes deleted records without copies, which a crash kept between the two steps of `forgetReplicas`. */
  async forgetEmptied(): Promise<void> {
    await askDatabase(() => this.#model.deleteMany({ ...due, ...emptied }, DURABLE))
  }

  /**
   * Ends live files that have expired, by mongod's clock, which the update itself reads. Their bytes stay for an hour, for
   * that clock may have jumped. @param name the path that the file has, unless it is every file. @returns how many it were
   */
  async endExpired(name?: FileName): Promise<number> {
    const isOfName = name !== undefined && { name, addressedBy: 'path' }
    const hasExpired = { expiresAt: { $type: 'date' }, $expr: { $lt: ['$expiresAt', '$$NOW'] } }
    return this.endAll({ ...isOfName, state: 'live', ...hasExpired }, EXPIRED_KEPT_MS)
  }

  /** Ends open files that nobody goes on with, by mongod's clock. Their bytes go at once. @returns how many */
  async endAbandoned(): Promise<number> {
    const isLeft = { $lt: ['$touchedAt', { $subtract: ['$$NOW', ABANDONED_AFTER_MS] }] }
    return this.endAll({ state: 'open', touchedAt: { $type: 'date' }, $expr: isLeft }, 0)
  }

  /** Finds deleted files with extents that were not ended with them. */
  findEndedWithExtents(limit: number): Promise<FileRecord[]> {
    const filter = { state: 'deleted' as const, deletedAt: { $exists: true }, extents: { $exists: true } }
    const fields = { chunks: 0 }
    return askDatabase(() => this.#model.find(filter, fields).limit(limit).lean<FileRecord[]>().exec())
  }

  /**
   * Ends extents whose file is gone, or has ended without them: an upload whose database was away may write one late. It looks
   * at some, from those of the file `from` on. @returns how many it ended, and where to go on, or null where that was all
   */
  async endLostExtents(
    from: Types.ObjectId | null,
    limit: number,
  ): Promise<{ readonly ended: number; readonly next: Types.ObjectId | null }> {
    const pipeline = [
      { $match: { fileId: { $exists: true, ...(from !== null && { $gte: from }) } } },
      { $sort: { fileId: 1, extent: 1 } },
      { $limit: limit },
      { $project: { fileId: 1, state: 1, createdAt: 1 } },
      { $lookup: { from: this.#collection.collectionName, localField: 'fileId', foreignField: '_id', as: 'files' } },
      { $project: { fileId: 1, state: 1, createdAt: 1, 'files.state': 1, 'files.extents': 1 } },
    ]
    const found = await askDatabase(
      () => this.#collection.aggregate<ExtentOfFile>(pipeline as never).toArray(),
      WALK_DEADLINE_MS,
    )
    const lost = found.filter(isLost).map(({ _id }) => _id)
    const ended = lost.length === 0 ? 0 : await this.endAll({ _id: { $in: lost }, state: 'live' }, 0)
    return { ended, next: found.length === limit ? (found.at(-1)?.fileId ?? null) : null }
  }

  /** Ends what the filter matches, in one update. @param keptMs for how long the bytes stay. @returns how many it were */
  async endAll(filter: object, keptMs: number): Promise<number> {
    const result = await askDatabase(
      () => this.#collection.updateMany(filter as mongo.Filter<FileRecord>, ending(keptMs), DURABLE),
      WALK_DEADLINE_MS,
    )
    return result.modifiedCount
  }
}

interface ExtentOfFile extends Pick<Extent, '_id' | 'fileId' | 'state'> {
  readonly createdAt: Date
  /** There is at most one. */
  readonly files: readonly Pick<FileRecord, 'state' | 'extents'>[]
}

/** One that was written a moment ago may be of an upload that is just being completed or given up. */
function isLost({ state, createdAt, files: [file] }: ExtentOfFile): boolean {
  if (state !== 'live' || Date.now() - createdAt.getTime() < ABANDONED_AFTER_MS) return false
  return file === undefined || ((file.state === 'deleted' || file.state === 'tombstone') && file.extents === undefined)
}
