import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { hasErrorName, StoreError } from '@holdfast/shared/errors/store-error'
import type { PartKey } from '@holdfast/shared/ids'
import { type mongo, Types } from 'mongoose'
import type { Chunk } from '../chunks/chunk.ts'
import { askDatabase, codeOf, DUPLICATE_KEY, DURABLE } from '../mongo/database.ts'
import { CHUNKS_PER_HOLDER, type Extent, ending, type FileModel, type FileRecord, type Holder } from './file.model.ts'

/** A database that is away may come back within this time, and the upload goes on. */
const PATIENCE_MS = 30_000
const PAUSE_MS = 500

/** Writes the documents of uploads that take long, which nobody can read yet. */
export class OpenFiles {
  readonly #collection: mongo.Collection<Holder & Partial<FileRecord & Extent>>

  constructor(model: FileModel) {
    this.#collection = model.collection as unknown as mongo.Collection<Holder & Partial<FileRecord & Extent>>
  }

  begin(_id: Types.ObjectId): OpenFile {
    return new OpenFile(this.#collection, _id)
  }
}

/** Chunks are still being added to such a document. */
interface GrowingHolder {
  readonly _id: Types.ObjectId
  /** It is 0 for the file's own document. */
  readonly extent: number
  /** The tags of its chunks are made with this key, once one has a tag. Extents count their chunks anew, so each has its own. */
  partKey?: PartKey
  chunkCount: number
  /** Tells whether the document is in the database. */
  isThere: boolean
}

/**
 * Keeps the chunks of a file that is coming in. Each chunk is promised a place first, since the place is in the names of its
 * copies, and added when it is stored. Chunks beyond the first 256 go to extents.
 */
export class OpenFile {
  readonly #collection: mongo.Collection<Holder & Partial<FileRecord & Extent>>
  readonly #holders: GrowingHolder[]
  #addedCount = 0

  constructor(collection: mongo.Collection<Holder & Partial<FileRecord & Extent>>, _id: Types.ObjectId) {
    this.#collection = collection
    this.#holders = [{ _id, extent: 0, chunkCount: 0, isThere: false }]
  }

  /** Tells whether a document of the file is in the database, so that what was added is removed by upkeep. */
  get isThere(): boolean {
    return this.#holders.some((holder) => holder.isThere)
  }

  /** Counts the chunks that were added. */
  get addedCount(): number {
    return this.#addedCount
  }

  /** @returns where the chunk of this number in the file, from 0, belongs: a document, and its number in that */
  placeOf(number: number): { readonly holderId: Types.ObjectId; readonly number: number } {
    const extent = Math.floor(number / CHUNKS_PER_HOLDER)
    while (this.#holders.length <= extent)
      this.#holders.push({ _id: new Types.ObjectId(), extent: this.#holders.length, chunkCount: 0, isThere: false })
    return { holderId: this.#holderAt(extent)._id, number: number % CHUNKS_PER_HOLDER }
  }

  /** @returns the key that the document of this chunk has for tags, and from now on keeps */
  partKeyFor(number: number): PartKey {
    const holder = this.#holderAt(Math.floor(number / CHUNKS_PER_HOLDER))
    holder.partKey ??= randomBytes(16).toString('hex') as PartKey
    return holder.partKey
  }

  /** The tags of the chunks in the file's own document are made with this key, where one of them has a tag. */
  get partKey(): PartKey | undefined {
    return this.#holderAt(0).partKey
  }

  /**
   * Adds the next chunks of the file, at least one. It waits a while for a database that is away.
   * @param shortest the smallest number of replicas that one of them has, where that is too few
   * @throws COPY_DISCARDED where the file was given up, or a copy of a chunk was discarded meanwhile, DATABASE_UNAVAILABLE
   */
  async add(chunks: readonly Chunk[], shortest: number | null): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS
    let rest = chunks
    do {
      const holder = this.#holderAt(Math.floor(this.#addedCount / CHUNKS_PER_HOLDER))
      const fitting = rest.slice(0, CHUNKS_PER_HOLDER - holder.chunkCount)
      await this.#untilDone(() => this.#addTo(holder, fitting, shortest), deadline)
      holder.chunkCount += fitting.length
      this.#addedCount += fitting.length
      rest = rest.slice(fitting.length)
    } while (rest.length > 0)
  }

  /** Says that the file is still coming in. @throws COPY_DISCARDED where it was given up, DATABASE_UNAVAILABLE */
  touch(): Promise<void> {
    return this.#touch(this.#holderAt(0), {})
  }

  /** Gives the file up: its copies go by garbage collection, at once where the database answers, else after an hour. */
  async abandon(): Promise<void> {
    const { _id } = this.#holderAt(0)
    await askDatabase(() => this.#collection.updateOne({ _id, state: 'open' }, ending(), DURABLE))
  }

  async #addTo(holder: GrowingHolder, chunks: readonly Chunk[], shortest: number | null): Promise<void> {
    const file = this.#holderAt(0)
    // The file's own document knows of an extent before it is there, so that none is ever forgotten.
    if (holder.extent > 0) await this.#touch(file, { extents: holder.extent })
    const { _id, chunkCount, partKey } = holder
    const copyIds = chunks.flatMap(({ replicas }) => replicas.map(({ copyId }) => copyId))
    const update = {
      ...(holder.extent === 0 && { $currentDate: { touchedAt: true } }),
      $push: { chunks: { $each: chunks } },
      ...(shortest !== null && { $min: { short: shortest } }),
      $setOnInsert: {
        storageClass: 'replicated' as const,
        createdAt: new Date(),
        ...(partKey !== undefined && { partKey }),
        ...(holder.extent > 0 && { fileId: file._id, extent: holder.extent }),
      },
    }
    // What was added by an attempt whose answer was lost is not added again.
    const filter = {
      _id,
      state: holder.extent === 0 ? 'open' : 'live',
      chunks: holder.isThere ? { $size: chunkCount } : { $exists: false },
      renounced: { $nin: copyIds },
    }
    const options = { upsert: !holder.isThere, ...DURABLE }
    try {
      const result = await askDatabase(() =>
        this.#collection.updateOne(
          filter as unknown as mongo.Filter<Holder>,
          update as unknown as mongo.UpdateFilter<Holder>,
          options,
        ),
      )
      if (result.matchedCount + result.upsertedCount === 1) {
        holder.isThere = true
        return
      }
    } catch (error) {
      // Another document has this id: a tombstone, or this one where an answer of the database was lost.
      if (codeOf(error) !== DUPLICATE_KEY) throw error
    }
    await this.#requireAdded(holder, chunks)
  }

  /** Tells an addition whose answer was lost from a file that was given up. */
  async #requireAdded(holder: GrowingHolder, chunks: readonly Chunk[]): Promise<void> {
    const { _id, chunkCount } = holder
    const found = await askDatabase(() => this.#collection.findOne({ _id }))
    const isOurs = found !== null && (found.state === 'open' || found.state === 'live')
    const added = found?.chunks.slice(chunkCount, chunkCount + chunks.length) ?? []
    const isAdded = chunks.every(
      ({ replicas }, index) => added[index]?.replicas.some(({ copyId }) => copyId === replicas[0]?.copyId) === true,
    )
    if (!isOurs || !isAdded) throw new StoreError('COPY_DISCARDED', 'the upload was given up meanwhile')
    holder.isThere = true
  }

  async #touch({ _id }: GrowingHolder, fields: { readonly extents?: number }): Promise<void> {
    const update = {
      // An answer that came late must not hide a later extent.
      ...(fields.extents !== undefined && { $max: fields }),
      $currentDate: { touchedAt: true as const },
    }
    const result = await askDatabase(() => this.#collection.updateOne({ _id, state: 'open' }, update, DURABLE))
    if (result.matchedCount === 0) throw new StoreError('COPY_DISCARDED', 'the upload was given up meanwhile')
  }

  async #untilDone(work: () => Promise<void>, deadline: number): Promise<void> {
    for (;;) {
      try {
        return await work()
      } catch (error) {
        if (!hasErrorName(error, 'DATABASE_UNAVAILABLE') || performance.now() > deadline) throw error
        await delay(PAUSE_MS)
      }
    }
  }

  #holderAt(extent: number): GrowingHolder {
    const holder = this.#holders[extent]
    if (holder === undefined) throw new StoreError('INTERNAL', 'a chunk was added before it had a place')
    return holder
  }
}
