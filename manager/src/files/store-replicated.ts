import { createHash, type Hash } from 'node:crypto'
import type { Digest, FileId, PartKey } from '@holdfast/shared/ids'
import { INLINE_MAX_BYTES, PART_BYTES } from '@holdfast/shared/limits'
import { startPart } from '@holdfast/shared/node/part-digest'
import type { Types } from 'mongoose'
import type { Chunk } from '../chunks/chunk.ts'
import type { ChunkWriter } from '../chunks/writing/chunk-writer.ts'
import { Gathering } from '../chunks/writing/gathering.ts'
import type { Caller } from '../chunks/writing/store-copy.ts'
import type { HeldChunk, ReplicaWish } from '../chunks/writing/store-replicas.ts'
import type { UploadMemory, UploadShare } from '../chunks/writing/upload-memory.ts'
import type { OpenFile, OpenFiles } from './open-files.ts'
import type { IncomingSource, PutContext } from './put-file.ts'

/** An upload of more chunks than this, or that takes longer, becomes an open file, so that its copies are no orphans. */
const UNNAMED_CHUNKS = 64
const UNNAMED_MS = 60_000
/** The first bytes, up to this many, are kept to the end, because the content type is told by them. */
const HEAD_BYTES = 64 * 1024
/** At most this many chunks of one upload are stored at once, while the next one comes in. */
const AT_ONCE = 2

export interface ReplicatedDeps {
  readonly writer: ChunkWriter
  readonly openFiles: OpenFiles
  readonly uploadMemory: UploadMemory
  readonly replicas: ReplicaWish
}

export interface ReplicatedFile {
  readonly size: number
  readonly sha256: Digest
  /** The record is made with these chunks. There are none where `open` has them already. */
  readonly chunks: readonly Chunk[]
  /** These are all chunks of the file, whichever document has them. */
  readonly allChunks: readonly Chunk[]
  /** The tags of `chunks` are made with this key, where some have one. */
  readonly partKey?: PartKey
  /** This is the smallest number of replicas that one of the chunks has, where that is too few. */
  readonly short: number | null
  /** This open file has the chunks already, where the upload became one. */
  readonly open: OpenFile | null
}

/**
 * Stores a file of class `replicated`: cuts it into chunks, and stores each of them on several file-servers at
 * once, while the next one comes in. After a failure nothing of it stays that upkeep does not find.
 */
export async function storeReplicated(
  deps: ReplicatedDeps,
  _id: Types.ObjectId,
  { bytes, onHead, beforeEnd }: IncomingSource,
  context: PutContext,
): Promise<ReplicatedFile> {
  using share = deps.uploadMemory.join({ isSmall: bytes.isSmall, caller: context })
  // A body that is there already cannot be the slowest.
  const isPassing = !bytes.isComplete
  if (isPassing) share.signal.addEventListener('abort', () => context.stopReading())
  const storing = new Storing(deps, _id, share, context)
  try {
    if (isPassing) {
      await share.take(HEAD_BYTES)
      await bytes.readHead(HEAD_BYTES)
    }
    onHead()
    for await (const piece of bytes.decoded(beforeEnd)) await storing.add(piece)
    return await storing.finish()
  } catch (error) {
    await storing.abandon()
    throw isPassing && share.signal.aborted ? share.signal.reason : error
  }
}

class Storing implements Caller {
  readonly #deps: ReplicatedDeps
  readonly #share: UploadShare
  readonly #context: PutContext
  readonly #file: OpenFile
  /** Hashes the whole of a file of several chunks. */
  #hash: Hash | undefined
  #stopping: AbortController | undefined
  readonly #running = new Set<Promise<void>>()
  readonly #chunks: Chunk[] = []
  #failure: { readonly reason: unknown } | undefined
  #callerSignal: AbortSignal | undefined
  #gathering: Gathering
  #startedCount = 0
  #size = 0
  #short: number | null = null
  #namedAt = performance.now()

  constructor(deps: ReplicatedDeps, _id: Types.ObjectId, share: UploadShare, context: PutContext) {
    this.#deps = deps
    this.#share = share
    this.#context = context
    this.#file = deps.openFiles.begin(_id)
    this.#gathering = new Gathering(deps.uploadMemory.blocks)
  }

  /** It fires when the client has gone or a chunk could not be stored. */
  get signal(): AbortSignal {
    this.#callerSignal ??= AbortSignal.any([this.#context.signal, this.#stopped.signal])
    return this.#callerSignal
  }

  get #stopped(): AbortController {
    this.#stopping ??= new AbortController()
    return this.#stopping
  }

  async add(piece: Buffer): Promise<void> {
    this.#requireGoing()
    for (let offset = 0; offset < piece.length; ) {
      const gathering = this.#gathering
      const part = piece.subarray(offset, offset + PART_BYTES - gathering.size)
      await this.#share.take(part.length)
      gathering.add(part)
      offset += part.length
      if (gathering.size === PART_BYTES) await this.#store()
    }
    await this.#nameIfDue()
  }

  async finish(): Promise<ReplicatedFile> {
    if (this.#gathering.size > 0 || this.#startedCount === 0) await this.#store()
    await Promise.all(this.#running)
    this.#requireGoing()
    const isNamed = this.#file.isThere
    if (isNamed) await this.#name()
    const { partKey } = this.#file
    return {
      size: this.#size,
      // The whole of a file of one chunk was hashed with that.
      sha256: (this.#startedCount === 1 ? this.#chunks[0]?.sha256 : this.#hash?.digest('hex')) as Digest,
      chunks: isNamed ? [] : this.#chunks,
      allChunks: this.#chunks,
      ...(partKey !== undefined && { partKey }),
      short: this.#short,
      open: isNamed ? this.#file : null,
    }
  }

  /** Ends what is under way. What is stored is deleted, by name or by the document that names it. */
  async abandon(): Promise<void> {
    this.#stopped.abort()
    await Promise.all(this.#running)
    this.#gathering.giveBack()
    const unnamed = this.#chunks.slice(this.#file.addedCount).filter((chunk) => chunk !== undefined)
    this.#deps.writer.discard(unnamed, this.#context.requestId)
    // Where the database is away, upkeep gives the file up.
    if (this.#file.isThere) await this.#file.abandon().catch(() => undefined)
  }

  async #store(): Promise<void> {
    while (this.#running.size >= AT_ONCE) await Promise.race(this.#running)
    this.#requireGoing()
    const gathering = this.#gathering
    const held = gathering.end()
    this.#gathering = new Gathering(this.#deps.uploadMemory.blocks)
    const number = this.#startedCount++
    // A file of one chunk has the chunk's digest, and is not hashed twice.
    if (held.sizeBytes === PART_BYTES || number > 0) {
      this.#hash ??= createHash('sha256')
      for (const piece of held.pieces) this.#hash.update(piece)
    }
    this.#size += held.sizeBytes
    const work = this.#storeChunk(number, gathering, held).catch((error: unknown) => {
      this.#failure ??= { reason: error }
      this.#stopped.abort(error)
    })
    this.#running.add(work)
    void work.finally(() => this.#running.delete(work))
  }

  async #storeChunk(
    number: number,
    gathering: Gathering,
    held: HeldChunk & { readonly sha256: Digest },
  ): Promise<void> {
    const { writer, replicas } = this.#deps
    const { requestId } = this.#context
    const place = this.#file.placeOf(number)
    const fileId = place.holderId.toHexString() as FileId
    const order = { fileId, number: place.number, encoding: 'binary', requestId } as const
    const storing = writer.storeReplicas(order, held, replicas, this)
    const tag = held.sizeBytes > INLINE_MAX_BYTES ? this.#tagOf(held, number, place.number) : null
    // Bytes that are queued to a late file-server are in memory until it is done with them.
    const settling = storing.then(({ settled }) => settled)
    const giveBack = () => gathering.giveBack()
    void settling.then(giveBack, giveBack)
    this.#share.handOn(held.sizeBytes, settling)
    const { chunk, isShort } = await storing
    this.#chunks[number] = tag === null ? chunk : { ...chunk, tags: tag }
    if (isShort) this.#short = Math.min(this.#short ?? Number.POSITIVE_INFINITY, chunk.replicas.length)
  }

  /** Tags a chunk, which is one part. The tag is made of the memory that was hashed, while the file-servers store it. */
  #tagOf({ pieces }: HeldChunk, number: number, numberInHolder: number): Buffer {
    const part = startPart({ key: this.#file.partKeyFor(number), chunk: numberInHolder, index: 0 })
    for (const piece of pieces) part.update(piece)
    return part.digest()
  }

  /** Names the chunks that are stored in a document where the upload takes long. */
  async #nameIfDue(): Promise<void> {
    const isLong = performance.now() - this.#namedAt > UNNAMED_MS
    const isLarge = this.#startedCount - this.#file.addedCount > UNNAMED_CHUNKS
    if (isLong || isLarge) await this.#name()
  }

  async #name(): Promise<void> {
    this.#namedAt = performance.now()
    let count = this.#file.addedCount
    while (this.#chunks[count] !== undefined) count++
    const stored = this.#chunks.slice(this.#file.addedCount, count)
    if (stored.length > 0) await this.#file.add(stored, this.#short)
    else if (this.#file.isThere) await this.#file.touch()
  }

  #requireGoing(): void {
    if (this.#failure !== undefined) throw this.#failure.reason
  }
}
