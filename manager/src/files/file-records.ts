import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import type { ServerId } from '@holdfast/shared/ids'
import type { mongo, Types } from 'mongoose'
import type { Replica } from '../chunks/chunk.ts'
import { askDatabase, DURABLE } from '../mongo/database.ts'
import { GroupedInserts } from '../mongo/grouped-inserts.ts'
import { GroupedWork, resultOf } from '../mongo/grouped-work.ts'
import { type FileModel, type FileRecord, LIVE_PATH } from './file.model.ts'
import { type Deletion, deleteAll, forgetAll, lookUpAll, type Objection } from './record-groups.ts'

/** To count by the index takes a while on large collections, and nobody's request waits for it. */
const COUNT_DEADLINE_MS = 12_000
/** A database that has just failed to answer in time gets only this long: the client has waited already. */
const READ_BACK_DEADLINE_MS = 700

/** Matches deleted files whose bytes may go. */
const due = () => ({ state: 'deleted' as const, bytesDueAt: { $lte: new Date() } })
/** Nothing needs the record any more: no copy, and no extent that still has to be ended. */
const noCopies = {
  'chunks.replicas.0': { $exists: false },
  'chunks.leaving.0': { $exists: false },
  extents: { $exists: false },
}

/** The copies of a file that has expired stay for so long, because clocks jump. */
const EXPIRED_BYTES_MS = 3_600_000
/** An open file that nobody has added to for so long is given up. */
const ABANDONED_AFTER_MS = 3_600_000

/** Reads and writes file records. Each change of state is one update with the expected state in its filter. */
export class FileRecords {
  readonly #model: FileModel
  readonly #inserts: GroupedInserts<FileRecord>
  readonly #lookUps: GroupedWork<FileName, FileRecord | null>
  readonly #deletes: GroupedWork<Deletion, FileRecord | StoreError | null>
  readonly #forgets: GroupedWork<Types.ObjectId, undefined>

  constructor(model: FileModel) {
    this.#model = model
    const collection = model.collection as unknown as mongo.Collection<FileRecord>
    this.#inserts = new GroupedInserts(model.db.db as mongo.Db, model.collection.name)
    this.#lookUps = new GroupedWork((names) => lookUpAll(collection, names))
    this.#deletes = new GroupedWork((deletions) => deleteAll(collection, deletions))
    this.#forgets = new GroupedWork((ids) => forgetAll(collection, ids))
  }

  /**
   * Makes the file visible. @throws FILE_EXISTS where another live file has the name, COPY_DISCARDED where upkeep has
   * collected its bytes, RECORD_NOT_SENT, DATABASE_UNAVAILABLE where the outcome is not known: then nothing may be cleaned up
   */
  async insert(record: FileRecord): Promise<void> {
    const outcome = await this.#inserts.insert(record)
    switch (outcome.kind) {
      case 'inserted':
        return
      case 'duplicate':
        // Whatever else refused it may be the record itself, whose bytes must stay.
        if (outcome.index === LIVE_PATH) throw new StoreError('FILE_EXISTS')
        return this.#resolveById(record, undefined)
      case 'unsent':
        throw new StoreError('RECORD_NOT_SENT')
      case 'unknown':
        return this.#resolveById(record, outcome.cause)
      default:
        outcome satisfies never
    }
  }

  async findLive(name: FileName): Promise<FileRecord | null> {
    return resultOf(await this.#lookUps.add(name))
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

  /** Finds deleted files with copies that are still on the file-server, the longest waiting first. */
  findDeleted(server: ServerId, limit: number): Promise<FileRecord[]> {
    const filter = { ...due(), $or: [{ 'chunks.replicas.server': server }, { 'chunks.leaving.server': server }] }
    return askDatabase(() => this.#model.find(filter).sort({ bytesDueAt: 1 }).limit(limit).lean<FileRecord[]>().exec())
  }

  /** Notes that a copy of a deleted file is gone. With the last one the record goes. */
  async forgetReplica(id: Types.ObjectId, replica: Replica): Promise<void> {
    const { copyId } = replica
    await askDatabase(async () => {
      await this.#model.updateOne(
        { _id: id, state: 'deleted' },
        { $pull: { 'chunks.$[].replicas': { copyId }, 'chunks.$[].leaving': { copyId } } },
        DURABLE,
      )
      await this.#model.deleteOne({ _id: id, ...due(), ...noCopies }, DURABLE)
    })
  }

  /** Removes the record of a deleted file whose last copy is gone. */
  async forget(id: Types.ObjectId): Promise<void> {
    resultOf(await this.#forgets.add(id))
  }

  /** Removes deleted records without copies, which a crash kept between the two steps of `forgetReplica`. */
  async forgetEmptied(): Promise<void> {
    await askDatabase(() => this.#model.deleteMany({ ...due(), ...noCopies }, DURABLE))
  }

  /** Ends the files that have expired by mongod's clock. @returns how many */
  async endExpired(): Promise<number> {
    const filter = { state: 'live', expiresAt: { $type: 'date' }, $expr: { $lt: ['$expiresAt', '$$NOW'] } }
    return this.#endAll(filter, EXPIRED_BYTES_MS)
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

  /** Ends the extents of a deleted file, whose bytes go with its own, and lets its record be forgotten after them. */
  async endExtents(record: Pick<FileRecord, '_id' | 'deletedAt' | 'bytesDueAt' | 'extents'>): Promise<void> {
    if (record.extents === undefined) return
    const { _id, deletedAt = new Date(), bytesDueAt = deletedAt } = record
    const ended = { state: 'deleted' as const, deletedAt, bytesDueAt }
    await askDatabase(async () => {
      await this.#model.updateMany({ fileId: _id, state: { $in: ['live', 'open'] } }, { $set: ended }, DURABLE)
      await this.#model.updateOne({ _id, state: 'deleted' }, { $unset: { extents: '' } }, DURABLE)
    })
  }

  /** @returns how many files, live or deleted, have a replica on the file-server */
  countOn(server: ServerId): Promise<number> {
    const filter = { 'chunks.replicas.server': server }
    return askDatabase(() => this.#model.countDocuments(filter).exec(), COUNT_DEADLINE_MS)
  }

  /** @param bytesMs for how long the bytes stay */
  async #endAll(filter: object, bytesMs: number): Promise<number> {
    const bytesDueAt = { $add: ['$$NOW', bytesMs] }
    const update = [{ $set: { state: 'deleted', deletedAt: '$$NOW', bytesDueAt } }]
    const result = await askDatabase(
      () => this.#model.collection.updateMany(filter, update, DURABLE),
      COUNT_DEADLINE_MS,
    )
    return result.modifiedCount
  }

  /** Reads the record back. While the outcome is unknown the caller is told that, and nothing else. */
  async #resolveById(record: FileRecord, cause: unknown): Promise<void> {
    const found = await askDatabase(
      () => this.#model.findById(record._id, { state: 1 }).lean<FileRecord>().exec(),
      READ_BACK_DEADLINE_MS,
    )
    if (found?.state === 'tombstone') throw new StoreError('COPY_DISCARDED')
    if (found === null) throw new StoreError('DATABASE_UNAVAILABLE', undefined, { cause })
  }
}
