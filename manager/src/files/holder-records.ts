import { type CopyId, chunkNumberOf, type FileId, fileIdOf, type ServerId } from '@holdfast/shared/ids'
import { type mongo, Types } from 'mongoose'
import type { PlacedChunk, Replica } from '../chunks/chunk.ts'
import { ASK_DEADLINE_MS, askDatabase, DURABLE, patientFor } from '../mongo/database.ts'
import { CopyRemovals } from './copy-removals.ts'
import { type FileModel, type FileRecord, type Holder, KEPT, PLACES, type StorageClass } from './file.model.ts'

/** To count chunks takes a while on large collections, and nobody's request waits for it. */
const COUNT_DEADLINE_MS = 60_000
/** A read of many slots is given this long, because records of another class may have to be passed over. */
const WALK_DEADLINE_MS = 12_000
/** A walk reads more slots at once as long as it gets its answers faster than this. */
const WALK_QUICK_MS = 200
/** A change that meets another one is tried this often. */
const MAX_ATTEMPTS = 3

/** These fields are read of a holder whose bytes will be verified. The tags of a large file take more than all the rest. */
const PLACES_AND_TAGS = { ...PLACES, 'chunks.tags': 1, partKey: 1 } as const

/** A change of one chunk's replicas is planned on the chunk as it was read. */
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

/** A chunk is to move off `from`, to where it has no replica on any of `apart` and `maxBytes` fit. */
export interface MoveWish {
  readonly from: ServerId
  readonly apart: readonly ServerId[]
  readonly maxBytes: number
}

/** Counts the chunks, and their bytes, that have this many replicas that count. */
export interface ChunkCount {
  readonly good: number
  readonly chunks: number
  readonly bytes: number
}

/** The range has the holders whose `short` is at least `from` and less than `below`. */
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
  /** Keeps account of the copies that are to go. */
  readonly removals: CopyRemovals
  readonly #model: FileModel
  readonly #collection: mongo.Collection<FileRecord>

  constructor(model: FileModel) {
    this.#model = model
    this.removals = new CopyRemovals(model)
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
   * Finds some live holders of chunks that can move: of at most `maxBytes`, with a sound replica on `from` and none on any of
   * `apart`. The tags of their chunks come along.
   */
  findMovable({ from, apart, maxBytes }: MoveWish, limit: number): Promise<Holder[]> {
    const isSoundOn = { $elemMatch: { server: from, bad: { $exists: false } } }
    const isSmall = { size: { $lte: maxBytes } }
    const movable = { $elemMatch: { ...isSmall, replicas: isSoundOn, 'replicas.server': { $nin: apart } } }
    return this.#find(
      { state: 'live', 'chunks.replicas.server': from, chunks: movable },
      limit,
      PLACES_AND_TAGS,
      WALK_DEADLINE_MS,
    )
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

  /**
   * Has `replicate` look at each holder that nothing points at, and of which some chunk has more or fewer replicas than it
   * should: the wish has changed since. Where they are too many for the time that it has, the rest is for the next call.
   */
  async markOthers(replicas: number): Promise<void> {
    const other = { $elemMatch: { replicas: { $not: { $size: replicas } } } }
    const filter = { state: KEPT, storageClass: 'replicated', short: { $exists: false }, chunks: other }
    const good = { $map: { input: '$chunks', as: 'chunk', in: goodOf('$$chunk.replicas', []) } }
    const update = [{ $set: { short: { $min: good } } }]
    const options = { ...DURABLE, ...patientFor(COUNT_DEADLINE_MS) }
    await askDatabase(() => this.#collection.updateMany(filter as never, update as never, options), COUNT_DEADLINE_MS)
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

  #find(filter: object, limit = 0, fields: object = PLACES, deadlineMs = ASK_DEADLINE_MS): Promise<Holder[]> {
    const options = { limit, maxTimeMS: deadlineMs }
    return askDatabase(() => this.#model.find(filter, fields, options).lean<Holder[]>().exec(), deadlineMs)
  }

  #aggregate<T extends object>(pipeline: object[]): Promise<T[]> {
    const options = { ...patientFor(COUNT_DEADLINE_MS), allowDiskUse: true }
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

/** @returns an expression of MongoDB that counts the replicas of a list that count */
function goodOf(replicas: string, lost: readonly ServerId[]): object {
  const isThere = { $not: [{ $in: ['$$replica.server', lost] }] }
  const isSound = { $eq: [{ $type: '$$replica.bad' }, 'missing'] }
  return { $size: { $filter: { input: replicas, as: 'replica', cond: { $and: [isSound, isThere] } } } }
}
