import { hasErrorName, StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import type { FileId, LinkId, ServerId } from '@holdfast/shared/ids'
import { type ClientSession, type mongo, Types } from 'mongoose'
import type { Replica } from '../chunks/chunk.ts'
import { askDatabase, DURABLE } from '../mongo/database.ts'
import { GroupedInserts } from '../mongo/grouped-inserts.ts'
import { GroupedWork, resultOf } from '../mongo/grouped-work.ts'
import {
  type Extent,
  ending,
  type FileModel,
  type FileRecord,
  LINK,
  LIVE_LINK_NAME,
  LIVE_PATH,
  visible,
} from './file.model.ts'
import { countFilter, type ListWish, listQuery } from './list-query.ts'
import { type Deletion, deleteAll, forgetAll, lookUpAll, type Objection } from './record-groups.ts'

const DUPLICATE_KEY = 11_000
const LINK_TAKEN = 'the link is taken'
const MAX_TIME_EXPIRED = 50
/** To count by the index takes a while on large collections, and nobody's request waits for it. */
const COUNT_DEADLINE_MS = 12_000
/** A database that has just failed to answer in time gets only this long: the client has waited already. */
const READ_BACK_DEADLINE_MS = 700
/** The number of files in a list is a service, and not worth more than this. */
const LIST_COUNT_DEADLINE_MS = 1_000
/** A transaction is three round trips and a wait for the majority. */
const REPLACE_DEADLINE_MS = 4_000
/** A replacement that keeps meeting others of the same path is given up after so many. */
const REPLACE_ATTEMPTS = 20
/** The copies of a file that has expired stay for so long, because clocks jump. */
const EXPIRED_KEPT_MS = 3_600_000
/** An open file that nobody has added to for so long is given up. */
const ABANDONED_AFTER_MS = 3_600_000
/** What was replaced can be read to its end for this long. */
const REPLACED_KEPT_MS = 10 * 60_000
/** What a record has of one chunk takes at most about so many bytes, and so does the rest of it. */
const CHUNK_RECORD_BYTES = 1024

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

/** Judges what a replacement meets under its path: a version, or nothing. @returns why it must not be replaced, or null */
export type ReplaceObjection = (current: FileRecord | null) => StoreError | null

/** These fields of a live file can be changed. */
export type FileChange = Partial<Pick<FileRecord, 'name' | 'contentType' | 'expiresAt'>>

/** Reads and writes file records. Each change of state is one update with the expected state in its filter. */
export class FileRecords {
  readonly #model: FileModel
  readonly #collection: mongo.Collection<FileRecord>
  readonly #inserts: GroupedInserts<FileRecord>
  readonly #lookUps: GroupedWork<FileName, FileRecord | null>
  readonly #deletes: GroupedWork<Deletion, FileRecord | StoreError | null>
  readonly #forgets: GroupedWork<Types.ObjectId, undefined>

  constructor(model: FileModel) {
    this.#model = model
    const collection = model.collection as unknown as mongo.Collection<FileRecord>
    this.#collection = collection
    this.#inserts = new GroupedInserts(model.db.db as mongo.Db, model.collection.name, ({ chunks }) => {
      return CHUNK_RECORD_BYTES * (1 + chunks.length)
    })
    this.#lookUps = new GroupedWork((names) => lookUpAll(collection, names))
    this.#deletes = new GroupedWork((deletions) => deleteAll(collection, deletions))
    this.#forgets = new GroupedWork((ids) => forgetAll(collection, ids))
  }

  /**
   * Makes the file visible. @throws FILE_EXISTS where another live file has the name, or another has the link, COPY_DISCARDED where upkeep has
   * collected its bytes, RECORD_NOT_SENT, DATABASE_UNAVAILABLE where the outcome is not known: then nothing may be cleaned up
   */
  async insert(record: FileRecord): Promise<void> {
    const outcome = await this.#inserts.insert(record)
    switch (outcome.kind) {
      case 'inserted':
        return
      case 'duplicate':
        // Whatever else refused it may be the record itself, whose bytes must stay.
        if (outcome.index === LINK && (await this.findLiveById(record._id)) === null)
          throw new StoreError('FILE_EXISTS', LINK_TAKEN)
        if (outcome.index !== LIVE_PATH) return this.#resolveById(record, undefined)
        if ((await this.findLive(record.name)) === null && (await this.endExpired(record.name)))
          return this.insert(record)
        throw new StoreError('FILE_EXISTS')
      case 'unsent':
        throw new StoreError('RECORD_NOT_SENT')
      case 'unknown':
        return this.#resolveById(record, outcome.cause)
      default:
        outcome satisfies never
    }
  }

  /**
   * Makes an open file visible. @throws FILE_EXISTS where another live file has its path, COPY_DISCARDED where it was given
   * up meanwhile, DATABASE_UNAVAILABLE where the outcome is not known: then nothing may be cleaned up
   */
  async complete(record: FileRecord): Promise<void> {
    for (;;) {
      try {
        return await askDatabase(() => this.#complete(record))
      } catch (error) {
        if (isTaken('link', error)) throw new StoreError('FILE_EXISTS', LINK_TAKEN)
        if (!isTaken('name', error)) return this.#resolveById(record, error)
      }
      if (!(await this.endExpired(record.name))) throw new StoreError('FILE_EXISTS')
    }
  }

  /**
   * Makes a file, open or not, visible in the place of the one that has its path, if there is one. Whoever looks the path up
   * finds the one or the other, and never none. @throws the objection, and what `insert` and `complete` throw
   */
  async replace(record: FileRecord, isOpen: boolean, objection: ReplaceObjection): Promise<void> {
    for (let attempt = 0; attempt < REPLACE_ATTEMPTS; attempt++) {
      const current = await this.findLive(record.name)
      const refusal = objection(current)
      if (refusal !== null) throw refusal
      if (current === null) {
        try {
          return await (isOpen ? this.complete(record) : this.insert(record))
        } catch (error) {
          if (!hasErrorName(error, 'FILE_EXISTS')) throw error
        }
      } else if (await this.#takePlaceOf(current, record, isOpen)) return
    }
    throw new StoreError('OVERLOADED', 'too many others replace this file at the same time')
  }

  async findLive(name: FileName): Promise<FileRecord | null> {
    return resultOf(await this.#lookUps.add(name))
  }

  /** @returns the live file that the link leads to */
  async findByLink(link: LinkId): Promise<FileRecord | null> {
    return askDatabase(() =>
      this.#model
        .findOne({ link, ...visible() })
        .lean<FileRecord>()
        .exec(),
    )
  }

  /** @returns the live file of this id that has a path, for one with a link is found by nothing else */
  async findWithPath(id: FileId): Promise<FileRecord | null> {
    const filter = { _id: new Types.ObjectId(id), addressedBy: 'path' as const, ...visible() }
    return askDatabase(() => this.#model.findOne(filter).lean<FileRecord>().exec())
  }

  /** @returns an extent of a file, or null where the file is gone */
  findExtent(fileId: Types.ObjectId, extent: number): Promise<Extent | null> {
    return askDatabase(() => this.#model.findOne({ fileId, extent }).lean<Extent>().exec())
  }

  /** Lists live files in the wished order, without their chunks. */
  async list(wish: ListWish): Promise<FileRecord[]> {
    const { filter, sort, hint } = listQuery(wish)
    const find = () =>
      this.#collection
        .find<FileRecord>(filter as mongo.Filter<FileRecord>, { projection: { chunks: 0, audio: 0 } })
        .sort(sort)
        .hint(hint)
        .limit(wish.limit)
        .toArray()
    return askDatabase(find)
  }

  /** Counts the live files that such a list has. @returns null where that takes too long */
  async count(wish: Pick<ListWish, 'addressedBy' | 'prefix' | 'search'>): Promise<number | null> {
    const filter = countFilter(wish) as mongo.Filter<FileRecord>
    const hint = wish.addressedBy === 'path' ? LIVE_PATH : LIVE_LINK_NAME
    try {
      return await askDatabase(() =>
        this.#collection.countDocuments(filter, { hint, maxTimeMS: LIST_COUNT_DEADLINE_MS }),
      )
    } catch (error) {
      if (isTooSlow(error)) return null
      throw error
    }
  }

  /**
   * Changes what a live file says of itself, not its bytes. @returns the changed record, or null where it is gone. @throws
   * FILE_EXISTS where another file has the new name as its path
   */
  async change(id: Types.ObjectId, change: FileChange): Promise<FileRecord | null> {
    const options = { returnDocument: 'after' as const, ...DURABLE }
    for (;;) {
      try {
        return await askDatabase(() =>
          this.#model
            .findOneAndUpdate({ _id: id, ...visible() }, { $set: change }, options)
            .lean<FileRecord>()
            .exec(),
        )
      } catch (error) {
        if (!isTaken('name', error)) throw error
      }
      if (change.name === undefined || !(await this.endExpired(change.name))) throw new StoreError('FILE_EXISTS')
    }
  }

  /** @returns the live file if it still is the same one */
  findLiveById(id: Types.ObjectId): Promise<FileRecord | null> {
    return askDatabase(() => this.#model.findOne({ _id: id, state: 'live' }).lean<FileRecord>().exec())
  }

  /**
   * Makes the file invisible and frees its name in one update. It goes by the id, which was read before, so that it can never
   * hit a newer file of that name. @returns the record as it is, deleted, or null where there is none. @throws the objection
   */
  async markDeleted(name: FileName, objection: Objection = () => null): Promise<FileRecord | null> {
    const outcome = resultOf(await this.#deletes.add({ name, objection }))
    if (outcome instanceof StoreError) throw outcome
    return outcome
  }

  /** Notes by which name a file's torrents know it. The first one stays. */
  async noteTorrentName(id: Types.ObjectId, torrentName: string): Promise<void> {
    const unnamed = { _id: id, state: 'live' as const, torrentName: { $exists: false } }
    await askDatabase(() => this.#collection.updateOne(unnamed, { $set: { torrentName } }, DURABLE))
  }

  /** Sets when live files expire, all of them by one update. @throws DATABASE_UNAVAILABLE where one of them is gone */
  async setExpiry(ids: readonly Types.ObjectId[], expiresAt: Date | null): Promise<void> {
    const result = await askDatabase(() =>
      this.#model.updateMany({ _id: { $in: [...ids] }, state: 'live' }, { $set: { expiresAt } }, DURABLE),
    )
    if (result.matchedCount < ids.length) throw new StoreError('DATABASE_UNAVAILABLE', 'a file is gone already')
  }

  /** Ends the live file of this id. @returns the record as it is, deleted, or null where it is gone already */
  markDeletedById(id: Types.ObjectId): Promise<FileRecord | null> {
    const options = { returnDocument: 'after' as const, ...DURABLE }
    return askDatabase(() => this.#collection.findOneAndUpdate({ _id: id, state: 'live' }, ending(), options))
  }

  /** Ends live files all at once. Their bytes go by garbage collection. */
  async markAllDeleted(ids: readonly Types.ObjectId[]): Promise<void> {
    await this.#endAll({ _id: { $in: [...ids] }, state: 'live' }, 0)
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
    return askDatabase(() => this.#collection.find(filter).sort({ bytesDueAt: 1 }).limit(limit).toArray())
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

  /** @returns how many replicas on the file-server are named by files, live or deleted */
  async countOn(server: ServerId): Promise<number> {
    const countReplicas = () =>
      this.#model
        .aggregate<{ count: number }>([
          { $match: { 'chunks.replicas.server': server } },
          { $unwind: '$chunks' },
          { $match: { 'chunks.replicas.server': server } },
          { $count: 'count' },
        ])
        .exec()
    const [counted] = await askDatabase(countReplicas, COUNT_DEADLINE_MS)
    return counted?.count ?? 0
  }

  /**
   * Ends live files that have expired, by mongod's clock, which the update itself reads. Their bytes stay for an hour, for
   * that clock may have jumped. @param name the path that the file has, unless it is every file. @returns how many it were
   */
  async endExpired(name?: FileName): Promise<number> {
    const isOfName = name !== undefined && { name, addressedBy: 'path' }
    const hasExpired = { expiresAt: { $type: 'date' }, $expr: { $lt: ['$expiresAt', '$$NOW'] } }
    return this.#endAll({ ...isOfName, state: 'live', ...hasExpired }, EXPIRED_KEPT_MS)
  }

  /** Ends open files that nobody goes on with, by mongod's clock. Their bytes go at once. @returns how many */
  async endAbandoned(): Promise<number> {
    const isLeft = { $lt: ['$touchedAt', { $subtract: ['$$NOW', ABANDONED_AFTER_MS] }] }
    return this.#endAll({ state: 'open', touchedAt: { $type: 'date' }, $expr: isLeft }, 0)
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
      COUNT_DEADLINE_MS,
    )
    const lost = found.filter(isLost).map(({ _id }) => _id)
    const ended = lost.length === 0 ? 0 : await this.#endAll({ _id: { $in: lost }, state: 'live' }, 0)
    return { ended, next: found.length === limit ? (found.at(-1)?.fileId ?? null) : null }
  }

  /** @param keptMs for how long the bytes stay */
  async #endAll(filter: object, keptMs: number): Promise<number> {
    const result = await askDatabase(
      () => this.#collection.updateMany(filter as mongo.Filter<FileRecord>, ending(keptMs), DURABLE),
      COUNT_DEADLINE_MS,
    )
    return result.modifiedCount
  }

  /** @returns whether the record took the place; not where another change was first */
  async #takePlaceOf(current: FileRecord, record: FileRecord, isOpen: boolean): Promise<boolean> {
    const ofCurrent = { _id: current._id, state: 'live' as const, name: record.name }
    let isReplaced = false
    const exchange = async (session: ClientSession): Promise<void> => {
      isReplaced = false
      const { modifiedCount } = await this.#collection.updateOne(ofCurrent, ending(REPLACED_KEPT_MS), { session })
      if (modifiedCount === 0) return
      if (isOpen) await this.#complete(record, session)
      else await this.#model.collection.insertOne(record as never, { session })
      isReplaced = true
    }
    const session = await askDatabase(() => this.#model.db.startSession())
    try {
      await askDatabase(() => session.withTransaction(() => exchange(session), DURABLE), REPLACE_DEADLINE_MS)
      return isReplaced
    } catch (error) {
      await this.#resolveById(record, error)
      return true
    } finally {
      // What is still under way in the session ends with it.
      session.endSession().catch(() => undefined)
    }
  }

  async #complete({ _id, chunks: _, ...fields }: FileRecord, session?: ClientSession): Promise<void> {
    const update = { $set: fields, $unset: { touchedAt: 1, renounced: 1 } }
    const options = session === undefined ? DURABLE : { session }
    const { matchedCount } = await this.#model.collection.updateOne({ _id, state: 'open' }, update, options)
    if (matchedCount === 0) throw new StoreError('COPY_DISCARDED', 'the open file was given up')
  }

  /** Reads the record back. While the outcome is unknown the caller is told that, and nothing else. */
  async #resolveById(record: FileRecord, cause: unknown): Promise<void> {
    const found = await askDatabase(
      () => this.#model.findById(record._id, { state: 1, name: 1 }).lean<FileRecord>().exec(),
      READ_BACK_DEADLINE_MS,
    )
    // An open file gets its name when it becomes visible, so one with a name was visible, whatever became of it.
    if (found?.name !== undefined) return
    if (found?.state === 'tombstone' || found?.state === 'deleted') throw new StoreError('COPY_DISCARDED')
    throw new StoreError('DATABASE_UNAVAILABLE', undefined, { cause })
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

function isTooSlow(error: unknown): boolean {
  const said = error instanceof StoreError ? error.cause : error
  return ((said ?? {}) as { readonly code?: unknown }).code === MAX_TIME_EXPIRED
}

/** @param error what the database said, or `askDatabase` of it */
function isTaken(field: 'name' | 'link', error: unknown): boolean {
  const said = error instanceof StoreError ? error.cause : error
  const { code, keyPattern } = (said ?? {}) as { readonly code?: unknown; readonly keyPattern?: object }
  return code === DUPLICATE_KEY && keyPattern !== undefined && field in keyPattern
}
