import type { CopyId, FileId, ServerId, Slot } from '@holdfast/shared/ids'
import { chunkNumberOf, fileIdOf } from '@holdfast/shared/ids'
import { type mongo, Types } from 'mongoose'
import type { PlacedChunk, Replica } from '../chunks/chunk.ts'
import { askDatabase, DURABLE } from '../mongo/database.ts'
import type { FileModel, FileRecord, Holder, StorageClass } from './file.model.ts'

const DUPLICATE_KEY = 11_000
/** To count chunks takes a while on large collections, and nobody's request waits for it. */
const COUNT_DEADLINE_MS = 60_000
/** A read of many slots is given this long, because records of another class may have to be passed over. */
const WALK_DEADLINE_MS = 12_000
/** A walk reads more slots at once as long as it gets its answers faster than this. */
const WALK_QUICK_MS = 200
/** A change that meets another one is tried so often. */
const MAX_ATTEMPTS = 3

/** Chunks of these can be read, or soon can be, so upkeep cares for their replicas. */
const KEPT = { $in: ['live', 'open'] } as const

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

/** A change of one chunk's replicas, which was planned on the chunk as it was read. */
export interface ChunkChange extends Pick<PlacedChunk, 'number' | 'chunk'> {
  readonly replicas: readonly Replica[]
  /** These leave the list, and are named until they are deleted. */
  readonly leaving: readonly Replica[]
}

/** A replica counts unless it is bad or its file-server is lost, and a chunk should have so many that count. */
export interface Counting {
  readonly replicas: number
  readonly lost: readonly ServerId[]
}

/** So many chunks, with so many bytes together, have so many replicas that count. */
export interface ChunkCount {
  readonly good: number
  readonly chunks: number
  readonly bytes: number
}

/** Holders whose `short` is at least `from` and less than `below`. */
export interface ShortRange {
  readonly from: number
  readonly below: number
}

/** A walk has read all holders with a replica below slot `next`. */
export interface SlotPage {
  readonly holders: readonly Holder[]
  readonly next: number
}

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

  /** Finds one holder with the tags of its chunks, which `findHolders` leaves out. */
  async findWithTags(id: FileId): Promise<Holder | null> {
    const [holder] = await this.#find({ _id: new Types.ObjectId(id) }, 1, PLACES_AND_TAGS)
    return holder ?? null
  }

  /**
   * Walks all holders, live or open, with a replica on `server` in the slots `from` to `to`, `to` not included: at most
   * `limit` at once, unless one slot has more. It holds no cursor in the database, so it can go on after any pause.
   */
  async *walkSlots(
    server: ServerId,
    { from, to, width }: { readonly from: number; readonly to: number; readonly width: number },
    { limit, storageClass }: { readonly limit: number; readonly storageClass?: StorageClass },
  ): AsyncGenerator<SlotPage> {
    let span = Math.max(1, width)
    for (let start = from; start < to; ) {
      const end = Math.min(to, start + span)
      const place = { $elemMatch: { server, slot: { $gte: start, $lt: end } } }
      const filter = { state: KEPT, 'chunks.replicas': place, ...(storageClass !== undefined && { storageClass }) }
      const askedAt = performance.now()
      const holders = await this.#find(filter, span > 1 ? limit + 1 : 0, PLACES, WALK_DEADLINE_MS)
      if (span > 1 && holders.length > limit) {
        span = Math.max(1, Math.floor((end - start) / 4))
        continue
      }
      yield { holders, next: end }
      start = end
      if (holders.length <= limit / 2 && performance.now() - askedAt < WALK_QUICK_MS) span *= 2
    }
  }

  /**
   * Finds some live holders of chunks that can move: with a sound replica on `from` and none on any of `apart`. The tags of
   * their chunks come along.
   */
  findMovable(
    { from, apart }: { readonly from: ServerId; readonly apart: readonly ServerId[] },
    limit: number,
  ): Promise<Holder[]> {
    const isSoundOn = { $elemMatch: { server: from, bad: { $exists: false } } }
    const movable = { $elemMatch: { replicas: isSoundOn, 'replicas.server': { $nin: apart } } }
    return this.#find({ state: 'live', 'chunks.replicas.server': from, chunks: movable }, limit, PLACES_AND_TAGS)
  }

  /** Finds holders, live or open, with a copy on `server` that is leaving. */
  findWithLeaving(server: ServerId, limit: number): Promise<Holder[]> {
    return this.#find({ state: KEPT, 'chunks.leaving.server': server }, limit)
  }

  /**
   * Reads holders that `short` points at, in batches, range by range, and in each first those whose worst chunk has the fewest
   * replicas that count. A walk that pauses for many minutes ends with an error.
   */
  async *walkShort(ranges: readonly ShortRange[], batchSize: number): AsyncGenerator<Holder[]> {
    for (const { from, below } of ranges) {
      const filter = { state: KEPT, short: { $gte: from, $lt: below } }
      const cursor = this.#model.find(filter, PLACES).sort({ short: 1 }).batchSize(batchSize).lean<Holder[]>().cursor()
      try {
        let batch: Holder[] = []
        for (;;) {
          const holder = await askDatabase(() => cursor.next() as Promise<Holder | null>, WALK_DEADLINE_MS)
          if (holder !== null) batch.push(holder)
          if (batch.length > 0 && (holder === null || batch.length === batchSize)) {
            yield batch
            batch = []
          }
          if (holder === null) break
        }
      } finally {
        await askDatabase(() => cursor.close()).catch(() => undefined)
      }
    }
  }

  /**
   * Puts one replica in the place of another, which is leaving from then on, if the chunk is still the one that the change
   * was planned on. @returns whether it was replaced. @throws DATABASE_UNAVAILABLE where that is not known: then no copy may
   * be deleted
   */
  replaceReplica(
    holder: Pick<Holder, '_id'>,
    { number, chunk }: Pick<PlacedChunk, 'number' | 'chunk'>,
    { from, to }: { readonly from: Replica; readonly to: Replica },
  ): Promise<boolean> {
    const replicas = chunk.replicas.map((replica) => (replica.copyId === from.copyId ? to : replica))
    return this.#change(holder, [{ number, chunk, replicas, leaving: [from] }])
  }

  /**
   * Changes the replicas of several chunks of one holder with one update. Where one of the chunks is no longer what its change
   * was planned on, the others are changed one by one. @returns the changes that were made. @throws DATABASE_UNAVAILABLE where
   * that is not known: then no copy may be deleted
   */
  async changeReplicas(holder: Pick<Holder, '_id'>, changes: readonly ChunkChange[]): Promise<readonly ChunkChange[]> {
    if (changes.length === 0 || (await this.#change(holder, changes))) return changes
    if (changes.length === 1) return []
    const [current] = await this.#find({ _id: holder._id, state: KEPT })
    const made: ChunkChange[] = []
    for (const change of changes) {
      if (current?.chunks[change.number]?.version !== change.chunk.version) continue
      if (await this.#change(holder, [change])) made.push(change)
    }
    return made
  }

  /**
   * Notes that a replica does not count any more, and has `replicate` look at its holder. A file of class `single` is left
   * alone, for its one replica is all there is. @returns whether it was noted, which it is once
   */
  async markBad({ copyId }: Pick<Replica, 'copyId'>, why: NonNullable<Replica['bad']>): Promise<boolean> {
    return this.#remark(copyId, (replica) => (replica.bad === undefined ? { ...replica, bad: why } : null))
  }

  /** Has a replica count again whose bytes were missing and are there. One that was damaged never counts again. */
  async unmarkMissing({ copyId }: Pick<Replica, 'copyId'>): Promise<boolean> {
    return this.#remark(copyId, ({ bad, ...replica }) => (bad === 'missing' ? replica : null))
  }

  /**
   * Sets or removes `short` by what each of these holders has at this moment. It goes only where every chunk has just the
   * replicas that it should have, and all of them count.
   */
  async settleShort(holders: readonly Pick<Holder, '_id'>[], counting: Counting): Promise<void> {
    if (holders.length === 0) return
    const filter = { _id: { $in: holders.map(({ _id }) => _id) }, state: KEPT, storageClass: 'replicated' }
    const good = { $map: { input: '$chunks', as: 'chunk', in: goodOf('$$chunk.replicas', counting.lost) } }
    const sizes = { $map: { input: '$chunks', as: 'chunk', in: { $size: '$$chunk.replicas' } } }
    const others = (list: object) => ({ $setDifference: [list, [counting.replicas]] })
    const isWhole = { $eq: [{ $concatArrays: [others(good), others(sizes)] }, []] }
    const update = [{ $set: { short: { $cond: [isWhole, '$$REMOVE', { $min: good }] } } }]
    await askDatabase(() => this.#collection.updateMany(filter as never, update as never, DURABLE))
  }

  /** Counts chunks of class `replicated` by their replicas that count: of all live holders, or of those that lack one. */
  async countChunks(which: 'all' | 'short', counting: Counting): Promise<ChunkCount[]> {
    const short = which === 'short' && { short: { $gte: 0, $lt: counting.replicas } }
    const good = { $min: [goodOf('$$chunk.replicas', counting.lost), counting.replicas] }
    const chunk = { good, size: '$$chunk.size' }
    const pipeline = [
      { $match: { state: 'live', storageClass: 'replicated', ...short } },
      { $project: { chunks: { $map: { input: '$chunks', as: 'chunk', in: chunk } } } },
      { $unwind: '$chunks' },
      { $group: { _id: '$chunks.good', chunks: { $sum: 1 }, bytes: { $sum: '$chunks.size' } } },
    ]
    const found = await this.#aggregate<{ _id: number; chunks: number; bytes: number }>(pipeline)
    return found.map(({ _id, ...counts }) => ({ good: _id, ...counts }))
  }

  /** Counts the chunks of class `replicated` that have a replica on `server`. */
  async countChunksOn(server: ServerId): Promise<Omit<ChunkCount, 'good'>> {
    const pipeline = [
      { $match: { 'chunks.replicas.server': server, state: KEPT, storageClass: 'replicated' } },
      { $project: { 'chunks.size': 1, 'chunks.replicas.server': 1 } },
      { $unwind: '$chunks' },
      { $match: { 'chunks.replicas.server': server } },
      { $group: { _id: null, chunks: { $sum: 1 }, bytes: { $sum: '$chunks.size' } } },
    ]
    const [found] = await this.#aggregate<Omit<ChunkCount, 'good'>>(pipeline)
    return { chunks: found?.chunks ?? 0, bytes: found?.bytes ?? 0 }
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
    const pull = (list: string) => ({ $pull: { [`chunks.$[].${list}`]: { server } } }) as never
    await askDatabase(async () => {
      await this.#collection.updateMany({ 'chunks.leaving.server': server }, pull('leaving'), DURABLE)
      const deleted = { 'chunks.replicas.server': server, state: 'deleted' as const }
      await this.#collection.updateMany(deleted as never, pull('replicas'), DURABLE)
    }, COUNT_DEADLINE_MS)
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
    const [now, state] = ['$$NOW', 'tombstone' as const]
    try {
      const tombstone = [{ $set: { state, createdAt: now, deletedAt: now, chunks: [] } }]
      await askDatabase(() => this.#collection.updateOne({ _id, state }, tombstone, { upsert: true, ...DURABLE }))
      return true
    } catch (error) {
      if (!isDuplicate(error)) throw error
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

  /** Removes tombstones older than `ageMs` by mongod's clock, for no manager has slept that long. */
  async forgetTombstones(ageMs: number): Promise<number> {
    const isOld = { $lt: ['$deletedAt', { $subtract: ['$$NOW', ageMs] }] }
    const filter = { state: 'tombstone' as const, deletedAt: { $type: 'date' as const }, $expr: isOld }
    return (await askDatabase(() => this.#collection.deleteMany(filter, DURABLE))).deletedCount
  }

  #find(
    filter: object,
    limit = 0,
    fields: object = PLACES,
    deadlineMs: number | undefined = undefined,
  ): Promise<Holder[]> {
    return askDatabase(() => this.#model.find(filter, fields).limit(limit).lean<Holder[]>().exec(), deadlineMs)
  }

  #aggregate<T extends object>(pipeline: object[]): Promise<T[]> {
    const options = { maxTimeMS: COUNT_DEADLINE_MS, allowDiskUse: true }
    return askDatabase(() => this.#collection.aggregate<T>(pipeline, options).toArray(), COUNT_DEADLINE_MS)
  }

  /** Makes all of the changes, or none. @param seen is what `short` is lowered to, where it is higher */
  async #change(
    { _id }: Pick<Holder, '_id'>,
    changes: readonly ChunkChange[],
    seen: number | null = null,
  ): Promise<boolean> {
    const filter: Record<string, unknown> = { _id, state: KEPT }
    const set: Record<string, readonly Replica[]> = {}
    const push: Record<string, object> = {}
    const inc: Record<string, number> = {}
    for (const { number, chunk, replicas, leaving } of changes) {
      const path = `chunks.${number}`
      Object.assign(filter, { [`${path}.version`]: chunk.version, [`${path}.replicas`]: chunk.replicas })
      set[`${path}.replicas`] = replicas
      inc[`${path}.version`] = 1
      if (leaving.length > 0) push[`${path}.leaving`] = { $each: leaving }
    }
    const update = {
      $set: set,
      $inc: inc,
      ...(Object.keys(push).length > 0 && { $push: push }),
      ...(seen !== null && { $min: { short: seen } }),
    } as unknown as mongo.UpdateFilter<FileRecord>
    const result = await askDatabase(() =>
      this.#collection.updateOne(filter as mongo.Filter<FileRecord>, update, DURABLE),
    )
    return result.modifiedCount === 1
  }

  /** Rewrites one replica of a chunk of class `replicated`. @param rewrite gives null where nothing is to be changed */
  async #remark(copyId: CopyId, rewrite: (replica: Replica) => Replica | null): Promise<boolean> {
    const [_id, number] = [new Types.ObjectId(fileIdOf(copyId)), chunkNumberOf(copyId)]
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const [holder] = await this.#find({ _id, state: KEPT, storageClass: 'replicated' })
      const chunk = holder?.chunks[number]
      const replica = chunk?.replicas.find((known) => known.copyId === copyId)
      const rewritten = replica === undefined ? null : rewrite(replica)
      if (chunk === undefined || rewritten === null) return false
      const replicas = chunk.replicas.map((known) => (known === replica ? rewritten : known))
      const goodCount = replicas.filter(({ bad }) => bad === undefined).length
      if (await this.#change({ _id }, [{ number, chunk, replicas, leaving: [] }], goodCount)) return true
    }
    return false
  }
}

/** @param error is what `askDatabase` made of the database's */
function isDuplicate(error: unknown): boolean {
  return ((error as Error).cause as { readonly code?: unknown } | undefined)?.code === DUPLICATE_KEY
}

/** @returns an expression of MongoDB that counts the replicas of a list that count */
function goodOf(replicas: string, lost: readonly ServerId[]): object {
  const isThere = { $not: [{ $in: ['$$replica.server', lost] }] }
  const isSound = { $eq: [{ $type: '$$replica.bad' }, 'missing'] }
  return { $size: { $filter: { input: replicas, as: 'replica', cond: { $and: [isSound, isThere] } } } }
}
