import { hasErrorName, StoreError } from '@holdfast/shared/errors/store-error'
import type { Digest, ServerId } from '@holdfast/shared/ids'
import { INLINE_MAX_BYTES } from '@holdfast/shared/limits'
import type { StoredCopy } from '@holdfast/shared/wire/shapes'
import type { Chunk } from '../chunk.ts'
import type { FileServerLink } from '../links/file-server-link.ts'
import type { Reservation } from '../registry.ts'
import type { ChunkOrder, WritingDeps } from './chunk-writer.ts'
import { discardCopies } from './delete-copy.ts'
import { type Caller, type CopySource, storeCopy } from './store-copy.ts'

/** This many file-servers may be asked beyond those that are wished for, in place of some that failed or are silent. */
const MAX_SUBSTITUTES = 2

/** These bytes are all in memory, so they can be sent more than once. They have to stay as they are until `settled`. */
export interface HeldChunk {
  /** These are the bytes as they travel, in order. */
  readonly pieces: readonly Buffer[]
  /** Counts the bytes after decoding. */
  readonly sizeBytes: number
  /** The file-servers verify it. It may be null only where one replica is wished for. */
  readonly sha256: Digest | null
}

export interface ReplicaWish {
  /** Counts the file-servers that the chunk is to be on. */
  readonly replicas: number
  /** This many are enough where no more can be had within the time that a file-server may be silent. */
  readonly least: number
}

export interface ReplicatedStore {
  /** All of its replicas are durable. */
  readonly chunk: Chunk
  /** Tells whether it has fewer replicas than were wished for. */
  readonly isShort: boolean
  /** Fulfils when no attempt holds the bytes any more: those that came too late end by their deadlines. It never rejects. */
  readonly settled: Promise<void>
}

/**
 * Stores one chunk on several file-servers at once. One that fails is made up for by another, and so is one that stays
 * silent, beside which others are asked. The first that have the bytes durable are the chunk's replicas, and what a later one
 * stored is deleted. @throws the error of the last file-server that was asked, where fewer than `least` have the bytes; then
 * nothing of them stays, and no attempt holds them unless a file-server called them invalid
 */
export function storeReplicas(
  deps: WritingDeps,
  order: ChunkOrder,
  held: HeldChunk,
  want: ReplicaWish,
  caller: Caller,
): Promise<ReplicatedStore> {
  return new ReplicaStore(deps, order, held, want, caller).run()
}

/** A file-server is asked to store the bytes. */
interface Attempt {
  readonly link: FileServerLink
  /** Tells whether the outcome waits for it, which it does until the file-server has been silent for too long. */
  isAwaited: boolean
}

class ReplicaStore {
  readonly #deps: WritingDeps
  readonly #order: ChunkOrder
  readonly #held: HeldChunk
  readonly #want: ReplicaWish
  readonly #caller: Caller
  readonly #bytesOnTheWay: number
  readonly #tried: ServerId[] = []
  readonly #running = new Set<Attempt>()
  readonly #stored: { readonly link: FileServerLink; readonly copy: StoredCopy }[] = []
  #lastError: unknown
  #isDecided = false
  /** Tells whether the caller has gone and an attempt was given up for that. Those that go on are waited for. */
  #isCalledOff = false
  #stop: AbortController | undefined
  #settle: (() => void) | undefined
  #resolve: (store: ReplicatedStore) => void = () => undefined
  #reject: (error: unknown) => void = () => undefined

  constructor(deps: WritingDeps, order: ChunkOrder, held: HeldChunk, want: ReplicaWish, caller: Caller) {
    this.#deps = deps
    this.#order = order
    this.#held = held
    this.#want = want
    this.#caller = caller
    this.#bytesOnTheWay = held.pieces.reduce((sum, piece) => sum + piece.length, 0)
  }

  run(): Promise<ReplicatedStore> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      const { replicas, least } = this.#want
      const places = this.#deps.registry.reserveSeveral({ count: replicas, least, sizeBytes: this.#held.sizeBytes })
      // The others are not asked for the sake of a replica more, because they would be waited for.
      const awake = places.filter(({ link }) => !link.isSilent)
      const asked = awake.length >= least ? awake : places
      for (const place of places) {
        if (asked.includes(place)) this.#attempt(place)
        else place[Symbol.dispose]()
      }
    })
  }

  /** An attempt that still waits for its turn on a link, or sends frames, gives up when it is of no use any more. */
  get signal(): AbortSignal {
    if (this.#stop === undefined) {
      this.#stop = new AbortController()
      if (this.#isDecided || this.#caller.signal.aborted) this.#cancel()
      else this.#caller.signal.addEventListener('abort', this.#cancel)
    }
    return this.#stop.signal
  }

  readonly #cancel = (): void => this.#stop?.abort(this.#isDecided ? undefined : this.#caller.signal.reason)

  #attempt(place: Reservation): void {
    const { link } = place
    const attempt: Attempt = { link, isAwaited: true }
    this.#tried.push(link.id)
    this.#running.add(attempt)
    const silence = setTimeout(() => {
      link.noteSilence()
      attempt.isAwaited = false
      if (!this.#isDecided) this.#goOn({ isFailure: false })
    }, this.#deps.silenceMs)
    const end = (): void => {
      clearTimeout(silence)
      place[Symbol.dispose]()
      this.#running.delete(attempt)
      if (this.#running.size === 0) this.#settle?.()
    }
    const { fileId, number, encoding, requestId } = this.#order
    const { sizeBytes, sha256 } = this.#held
    const copyId = this.#deps.copyIds.next(fileId, number)
    storeCopy(link, { copyId, encoding, sizeBytes, sha256, requestId }, this.#source(), this).then(
      (copy) => {
        end()
        link.noteAnswer()
        this.#deps.registry.count(link.id, 1)
        this.#take(link, copy)
      },
      (error: unknown) => {
        end()
        this.#fail(error)
      },
    )
  }

  #source(): CopySource {
    const { pieces } = this.#held
    if (this.#bytesOnTheWay > INLINE_MAX_BYTES) return { kind: 'stream', chunks: oneByOne(pieces), partKey: null }
    const [first] = pieces
    return { kind: 'inline', bytes: pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces) }
  }

  #take(link: FileServerLink, copy: StoredCopy): void {
    if (this.#isDecided) {
      this.#discard([{ link, copy }])
      return
    }
    this.#stored.push({ link, copy })
    if (this.#stored.length >= this.#want.replicas) this.#succeed()
    else this.#goOn({ isFailure: false })
  }

  #fail(error: unknown): void {
    if (this.#isDecided) return
    // The bytes were found right before they were sent, so it is the file-server that has others.
    this.#lastError = hasErrorName(error, 'DIGEST_MISMATCH')
      ? new StoreError('BAD_ANSWER', 'a file-server stored other bytes than it was sent', { cause: error })
      : error
    if (hasErrorName(error, 'CANCELLED')) this.#isCalledOff ||= this.#caller.signal.aborted
    // Bytes that nobody has hashed yet are the client's, and what is wrong with them is so for every file-server.
    if (this.#held.sha256 === null && hasErrorName(error, 'INVALID_REQUEST')) this.#giveUp()
    else this.#goOn({ isFailure: true })
  }

  /** Asks others in place of those that failed or are silent, and decides when there is nothing more to wait for. */
  #goOn({ isFailure }: { readonly isFailure: boolean }): void {
    const { replicas, least } = this.#want
    // Where all are slow, as on disks that are too busy, another copy would make them slower.
    for (let isAsked = true; isAsked && this.#stored.length + this.#awaitedCount < replicas; )
      isAsked = this.#askAnother({ mustAnswer: true })
    if (this.#awaitedCount > 0) return
    if (this.#stored.length >= least && !this.#isCalledOff) this.#succeed()
    else if (isFailure && this.#askAnother({ mustAnswer: false })) return
    else if (this.#running.size === 0) this.#giveUp()
  }

  /** @returns whether there was another one to ask */
  #askAnother({ mustAnswer }: { readonly mustAnswer: boolean }): boolean {
    if (this.#tried.length >= this.#want.replicas + MAX_SUBSTITUTES) return false
    const { registry } = this.#deps
    const taken = [...this.#stored, ...[...this.#running].filter(({ isAwaited }) => isAwaited)]
    const zones = taken.map(({ link }) => link.zone)
    const wish = { sizeBytes: this.#held.sizeBytes, exclude: this.#tried, zones }
    if (!registry.hasRoom(wish, mustAnswer) || this.#caller.signal.aborted) return false
    this.#attempt(registry.reserve(wish))
    return true
  }

  get #awaitedCount(): number {
    let count = 0
    for (const { isAwaited } of this.#running) if (isAwaited) count++
    return count
  }

  #succeed(): void {
    const [first] = this.#stored
    if (first === undefined) return
    this.#decide()
    const chunk: Chunk = {
      size: this.#held.sizeBytes,
      sha256: first.copy.sha256,
      replicas: this.#stored.map(({ link, copy: { slot, copyId } }) => ({ server: link.id, slot, copyId })),
      version: 0,
    }
    const settled = new Promise<void>((resolve) => {
      if (this.#running.size === 0) resolve()
      else this.#settle = resolve
    })
    this.#resolve({ chunk, isShort: this.#stored.length < this.#want.replicas, settled })
  }

  #giveUp(): void {
    this.#decide()
    this.#discard(this.#stored)
    this.#reject(this.#lastError)
  }

  #decide(): void {
    this.#isDecided = true
    if (this.#stop === undefined) return
    this.#caller.signal.removeEventListener('abort', this.#cancel)
    this.#cancel()
  }

  #discard(copies: readonly { readonly link: FileServerLink; readonly copy: StoredCopy }[]): void {
    const replicas = copies.map(({ link, copy: { slot, copyId } }) => ({ server: link.id, slot, copyId }))
    discardCopies(this.#deps.registry, replicas, this.#order.requestId)
  }
}

async function* oneByOne(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* pieces
}
