import { hasErrorName, StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import type { FileId, LinkId, ServerId } from '@holdfast/shared/ids'
import { type ClientSession, type mongo, Types } from 'mongoose'
import { askDatabase, codeOf, DUPLICATE_KEY, DURABLE, MAX_TIME_EXPIRED } from '../mongo/database.ts'
import { GroupedInserts } from '../mongo/grouped-inserts.ts'
import { GroupedWork, resultOf } from '../mongo/grouped-work.ts'
import { EndedRecords } from './ended-records.ts'
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
import { type Deletion, deleteAll, lookUpAll, type Objection } from './record-groups.ts'

const LINK_TAKEN = 'the link is taken'
/** To count by the index takes a while on large collections, and nobody's request waits for it. */
const COUNT_DEADLINE_MS = 12_000
/** A database that has just failed to answer in time gets only this long: the client has waited already. */
const READ_BACK_DEADLINE_MS = 700
/** mongod gives up a list a moment before nobody waits for it any more. */
const LIST_DEADLINE_MS = 1_800
/** The number of files in a list is a service, and not worth more than this. */
const LIST_COUNT_DEADLINE_MS = 1_000
/** A transaction is three round trips and a wait for the majority. */
const REPLACE_DEADLINE_MS = 4_000
/** A replacement that keeps meeting others of the same path is given up after so many. */
const REPLACE_ATTEMPTS = 20
/** What was replaced can be read to its end for this long. */
const REPLACED_KEPT_MS = 10 * 60_000
/** What a record has of one chunk takes at most about so many bytes, and so does the rest of it. */
const CHUNK_RECORD_BYTES = 1024

/** Judges what a replacement meets under its path: a version, or nothing. @returns why it must not be replaced, or null */
export type ReplaceObjection = (current: FileRecord | null) => StoreError | null

/** These fields of a live file can be changed. */
export type FileChange = Partial<Pick<FileRecord, 'name' | 'contentType' | 'expiresAt'>>

/** Reads and writes file records. Each change of state is one update with the expected state in its filter. */
export class FileRecords {
  /** Ends files, and keeps the records of ended ones. */
  readonly ended: EndedRecords
  readonly #model: FileModel
  readonly #collection: mongo.Collection<FileRecord>
  readonly #inserts: GroupedInserts<FileRecord>
  readonly #lookUps: GroupedWork<FileName, FileRecord | null>
  readonly #deletes: GroupedWork<Deletion, FileRecord | StoreError | null>

  constructor(model: FileModel) {
    this.#model = model
    const collection = model.collection as unknown as mongo.Collection<FileRecord>
    this.#collection = collection
    this.ended = new EndedRecords(model)
    this.#inserts = new GroupedInserts(model.db.db as mongo.Db, model.collection.name, ({ chunks }) => {
      return CHUNK_RECORD_BYTES * (1 + chunks.length)
    })
    this.#lookUps = new GroupedWork((names) => lookUpAll(collection, names))
    this.#deletes = new GroupedWork((deletions) => deleteAll(collection, deletions))
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
        if ((await this.findLive(record.name)) === null && (await this.ended.endExpired(record.name)))
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
      if (!(await this.ended.endExpired(record.name))) throw new StoreError('FILE_EXISTS')
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
    const filter = { link, ...visible() }
    return askDatabase(() => this.#model.findOne(filter).lean<FileRecord>().exec())
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

  /**
   * Lists live files in the wished order, without their chunks. @throws INVALID_REQUEST where a search takes too long, for it
   * reads all names up to what it finds
   */
  async list(wish: ListWish): Promise<FileRecord[]> {
    const { filter, sort, hint } = listQuery(wish)
    const find = () =>
      this.#collection
        .find<FileRecord>(filter as mongo.Filter<FileRecord>, { projection: { chunks: 0, audio: 0 } })
        .sort(sort)
        .hint(hint)
        .limit(wish.limit)
        .maxTimeMS(LIST_DEADLINE_MS)
        .toArray()
    try {
      return await askDatabase(find)
    } catch (error) {
      if (codeOf(error) !== MAX_TIME_EXPIRED || (wish.search ?? '') === '') throw error
      throw new StoreError('INVALID_REQUEST', 'the search takes too long: give a prefix, or a longer one', {
        cause: error,
      })
    }
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
      if (codeOf(error) === MAX_TIME_EXPIRED) return null
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
      if (change.name === undefined || !(await this.ended.endExpired(change.name))) throw new StoreError('FILE_EXISTS')
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

  /** Notes a torrent of a file: by which name it knows the file, of which the first one stays, and its info-hashes. */
  async noteTorrent(id: Types.ObjectId, name: string, infoHashes: readonly string[]): Promise<void> {
    const torrentName = { $ifNull: ['$torrentName', { $literal: name }] }
    const torrentHashes = { $setUnion: [{ $ifNull: ['$torrentHashes', []] }, infoHashes] }
    const live = { _id: id, state: 'live' as const }
    await askDatabase(() => this.#collection.updateOne(live, [{ $set: { torrentName, torrentHashes } }], DURABLE))
  }

  /** @returns those of the info-hashes that torrents of live files have */
  async findTorrents(infoHashes: readonly string[]): Promise<ReadonlySet<string>> {
    const filter = { torrentHashes: { $in: [...infoHashes], $exists: true }, ...visible() }
    const found = await askDatabase(() =>
      this.#collection.find(filter, { projection: { _id: 0, torrentHashes: 1 } }).toArray(),
    )
    return new Set(found.flatMap(({ torrentHashes = [] }) => torrentHashes))
  }

  /**
   * Sets when live files expire, all of them by one update. @param from where it is given, only those change that expire at
   * one of these times. @returns how many there were
   */
  async setExpiry(ids: readonly Types.ObjectId[], expiresAt: Date | null, from?: readonly Date[]): Promise<number> {
    const asked = { _id: { $in: [...ids] }, state: 'live', ...(from && { expiresAt: { $in: [...from] } }) } as const
    const update = () => this.#model.updateMany(asked, { $set: { expiresAt } }, DURABLE)
    return (await askDatabase(update)).matchedCount
  }

  /** Ends the live file of this id. @returns the record as it is, deleted, or null where it is gone already */
  markDeletedById(id: Types.ObjectId): Promise<FileRecord | null> {
    const options = { returnDocument: 'after' as const, ...DURABLE }
    return askDatabase(() => this.#collection.findOneAndUpdate({ _id: id, state: 'live' }, ending(), options))
  }

  /** Ends live files all at once. Their bytes go by garbage collection. */
  async markAllDeleted(ids: readonly Types.ObjectId[]): Promise<void> {
    await this.ended.endAll({ _id: { $in: [...ids] }, state: 'live' }, 0)
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
        .option({ maxTimeMS: COUNT_DEADLINE_MS })
        .exec()
    const [counted] = await askDatabase(countReplicas, COUNT_DEADLINE_MS)
    return counted?.count ?? 0
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

/** @param error what the database said, or `askDatabase` of it */
function isTaken(field: 'name' | 'link', error: unknown): boolean {
  const said = error instanceof StoreError ? error.cause : error
  const { code, keyPattern } = (said ?? {}) as { readonly code?: unknown; readonly keyPattern?: object }
  return code === DUPLICATE_KEY && keyPattern !== undefined && field in keyPattern
}
