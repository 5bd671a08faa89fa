import { StoreError } from '@holdfast/shared/errors/store-error'
import { PART_BYTES } from '@holdfast/shared/limits'
import { BufferPool } from '@holdfast/shared/wire/buffer-pool'
import { SenderPace } from './sender-pace.ts'
import type { Caller } from './store-copy.ts'

/** An upload may have memory of less than this that is not counted. */
const BLOCK_BYTES = 64 * 1024
/** This share of the limit is kept for small files, so that senders of large ones never block those. */
const SMALL_FILES_SHARE = 1 / 8
/** An upload that has waited this long for memory is refused. */
const PATIENCE_MS = 10_000
/** Once an upload has waited this long, the slowest sender is ended, one in each such interval. */
const EVICT_EVERY_MS = 1_000
/** A sender is not called slow before it has this age, nor at this pace or above while it goes on. */
const YOUNG_MS = 2_000
const SLOW_BYTES_PER_MS = 512
/** This share of the limit is kept for those who finish a chunk, but for one of them at least. */
const FINISHERS_SHARE = 1 / 8

export interface Joiner {
  /** Tells whether the file is known to be a small one. */
  readonly isSmall: boolean
  /** Its signal is asked for only when the upload has to wait. */
  readonly caller: Caller
}

/** An upload holds its bytes by this. Dispose it when the upload has ended. */
export interface UploadShare extends Disposable {
  /** It fires when the upload has to end for the sake of others. Its reason is the StoreError to answer with. */
  readonly signal: AbortSignal
  /**
   * Waits until so many more bytes may be held. An upload waits for one thing at a time. @throws OVERLOADED after 10 s;
   * REQUEST_TIMEOUT where the upload was ended as the slowest; CANCELLED where its client has gone
   */
  take(bytes: number): Promise<void>
  give(bytes: number): void
  /** Lets bytes that were taken be held until `settled`, as those of a chunk that is being stored, whenever the upload ends. */
  handOn(bytes: number, settled: Promise<unknown>): void
}

interface Waiter {
  readonly sender: Sender
  readonly bytes: number
  readonly since: number
  readonly grant: () => void
  readonly refuse: (error: StoreError) => void
}

interface Sender {
  readonly isSmall: boolean
  readonly joinedAt: number
  readonly pace: SenderPace
  heldBytes: number
  waiter: Waiter | undefined
  stop: AbortController | undefined
  failure: StoreError | undefined
}

/** Its signal is made when it is asked for. */
class Share implements UploadShare {
  readonly take: UploadShare['take']
  readonly give: UploadShare['give']
  readonly handOn: UploadShare['handOn']
  readonly #sender: Sender
  readonly #end: () => void

  constructor(sender: Sender, means: Pick<UploadShare, 'take' | 'give' | 'handOn'>, end: () => void) {
    this.#sender = sender
    this.take = means.take
    this.give = means.give
    this.handOn = means.handOn
    this.#end = end
  }

  get signal(): AbortSignal {
    const { failure } = this.#sender
    this.#sender.stop ??= new AbortController()
    if (failure !== undefined) this.#sender.stop.abort(failure)
    return this.#sender.stop.signal
  }

  [Symbol.dispose](): void {
    this.#end()
  }
}

/**
 * Bounds the bytes that all uploads together hold. Who finds no room waits in line, and is refused after a while; meanwhile
 * the slowest sender is ended, so that those who only pretend to send hold nobody up. Memory comes back when a chunk is
 * whole and stored, so that some of those who wait, those with the most of a chunk, may always finish it: else all would hold
 * a piece of one and wait for each other. The lines are as long as there are uploads at most.
 */
export class UploadMemory {
  /** The chunks of uploads are gathered in these. */
  readonly blocks = new BufferPool(BLOCK_BYTES)
  readonly #limitBytes: number
  readonly #chunkBytes: number
  readonly #senders = new Set<Sender>()
  readonly #smallLine: Waiter[] = []
  readonly #largeLine: Waiter[] = []
  /** These may have what is kept for finishing a chunk, until they hand it on. */
  readonly #finishers = new Set<Sender>()
  readonly #mostFinishers: number
  #usedBytes = 0
  /** This many of the used bytes are of small files. */
  #smallBytes = 0
  /** This many of the used bytes are on their way to file-servers. */
  #handedOnBytes = 0
  #evictTimer: NodeJS.Timeout | undefined

  constructor(limitBytes: number, chunkBytes: number = PART_BYTES) {
    this.#limitBytes = limitBytes
    this.#chunkBytes = chunkBytes
    this.#mostFinishers = Math.max(1, Math.floor((limitBytes * FINISHERS_SHARE) / chunkBytes))
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Counts the uploads that wait for memory. */
  get waitingCount(): number {
    return this.#smallLine.length + this.#largeLine.length
  }

  /** Begins an upload. */
  join({ isSmall, caller }: Joiner): UploadShare {
    const sender: Sender = {
      isSmall,
      joinedAt: performance.now(),
      pace: new SenderPace(),
      heldBytes: 0,
      waiter: undefined,
      stop: undefined,
      failure: undefined,
    }
    this.#senders.add(sender)
    const means = {
      take: (bytes: number) => this.#take(sender, bytes, caller),
      give: (bytes: number) => this.#give(sender, bytes),
      handOn: (bytes: number, settled: Promise<unknown>) => this.#handOn(sender, bytes, settled),
    }
    return new Share(sender, means, () => this.#end(sender))
  }

  async #take(sender: Sender, bytes: number, caller: Caller): Promise<void> {
    if (sender.failure !== undefined) throw sender.failure
    if (!this.#senders.has(sender)) throw new StoreError('CANCELLED', 'the upload has ended')
    if (sender.waiter !== undefined) throw new StoreError('INTERNAL', 'the upload waits for memory already')
    const line = this.#lineOf(sender)
    if ((line.length === 0 || this.#finishers.has(sender)) && this.#fits(sender, bytes)) this.#grant(sender, bytes)
    else await this.#wait(sender, bytes, line, caller)
  }

  #wait(sender: Sender, bytes: number, line: Waiter[], { signal }: Caller): Promise<void> {
    const since = performance.now()
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', cancel)
        line.splice(line.indexOf(waiter), 1)
        sender.waiter = undefined
        sender.pace.noteWait(performance.now() - since)
      }
      const waiter: Waiter = {
        sender,
        bytes,
        since,
        grant: () => {
          leave()
          this.#grant(sender, bytes)
          resolve()
        },
        refuse: (error) => {
          leave()
          reject(error)
          this.#serve()
        },
      }
      const cancel = (): void => waiter.refuse(new StoreError('CANCELLED', undefined, { cause: signal.reason }))
      const timer = setTimeout(() => waiter.refuse(new StoreError('OVERLOADED', 'no memory for uploads')), PATIENCE_MS)
      line.push(waiter)
      sender.waiter = waiter
      if (signal.aborted) return cancel()
      signal.addEventListener('abort', cancel)
      this.#evictTimer ??= setTimeout(() => this.#evict(), EVICT_EVERY_MS)
      this.#serve()
    })
  }

  #grant(sender: Sender, bytes: number): void {
    sender.heldBytes += bytes
    sender.pace.noteBytes(bytes)
    this.#use(sender, bytes)
  }

  #give(sender: Sender, bytes: number): void {
    this.#release(sender, bytes)
    this.#use(sender, -bytes)
    this.#serve()
  }

  #handOn(sender: Sender, bytes: number, settled: Promise<unknown>): void {
    this.#release(sender, bytes)
    this.#finishers.delete(sender)
    sender.pace.beginChunk()
    this.#handedOnBytes += bytes
    const free = (): void => {
      this.#handedOnBytes -= bytes
      this.#use(sender, -bytes)
      this.#serve()
    }
    settled.then(free, free)
  }

  #end(sender: Sender): void {
    this.#senders.delete(sender)
    this.#finishers.delete(sender)
    // Most have nothing left by then, and an error costs as much as all the rest of an upload's accounting.
    sender.waiter?.refuse(sender.failure ?? new StoreError('CANCELLED', 'the upload has ended'))
    if (sender.heldBytes > 0) this.#give(sender, sender.heldBytes)
  }

  #release(sender: Sender, bytes: number): void {
    if (bytes > sender.heldBytes) throw new StoreError('INTERNAL', 'more memory is given back than was taken')
    sender.heldBytes -= bytes
  }

  #use({ isSmall }: Sender, bytes: number): void {
    this.#usedBytes += bytes
    if (isSmall) this.#smallBytes += bytes
  }

  #lineOf({ isSmall }: Sender): Waiter[] {
    return isSmall ? this.#smallLine : this.#largeLine
  }

  /** While large files wait, small ones have their own share only, so that neither kind can keep the other waiting for ever. */
  #fits(sender: Sender, bytes: number): boolean {
    if (this.#usedBytes + bytes > this.#limitBytes) return false
    const forSmallOnes = this.#limitBytes * SMALL_FILES_SHARE
    if (sender.isSmall) return this.#largeLine.length === 0 || this.#smallBytes + bytes <= forSmallOnes
    const forFinishers = this.#finishers.has(sender) ? 0 : this.#mostFinishers * this.#chunkBytes
    return this.#usedBytes - this.#smallBytes + bytes <= this.#limitBytes - forSmallOnes - forFinishers
  }

  #serve(): void {
    // Small ones come once more, for they may have more when no large one waits.
    for (const line of [this.#smallLine, this.#largeLine, this.#smallLine]) {
      for (let next = line[0]; next !== undefined && this.#fits(next.sender, next.bytes); next = line[0]) next.grant()
    }
    this.#chooseFinishers()
    for (const { waiter } of this.#finishers)
      if (waiter !== undefined && this.#fits(waiter.sender, waiter.bytes)) waiter.grant()
  }

  #chooseFinishers(): void {
    while (this.#finishers.size < this.#mostFinishers) {
      const others = this.#largeLine.filter(({ sender }) => sender.heldBytes > 0 && !this.#finishers.has(sender))
      const fullest = others.sort((a, b) => b.sender.heldBytes - a.sender.heldBytes)[0]
      if (fullest === undefined) return
      this.#finishers.add(fullest.sender)
    }
  }

  #evict(): void {
    this.#evictTimer = undefined
    if (this.waitingCount === 0) return
    this.#evictTimer = setTimeout(() => this.#evict(), EVICT_EVERY_MS)
    // Where most of the memory is on its way to file-servers no sender is to blame, and it comes back by itself.
    if (this.#handedOnBytes * 2 > this.#usedBytes) return
    const now = performance.now()
    const waiters = [...this.#smallLine, ...this.#largeLine].filter(({ since }) => now - since >= EVICT_EVERY_MS)
    if (waiters.length === 0) return
    const holders = [...this.#senders].filter(
      ({ heldBytes, failure, joinedAt }) => heldBytes > 0 && failure === undefined && now - joinedAt >= YOUNG_MS,
    )
    const slow = holders.filter(
      (sender) => paceOf(sender, now) < SLOW_BYTES_PER_MS || idleMsOf(sender, now) >= YOUNG_MS,
    )
    const [slowest] = slow.sort((a, b) => paceOf(a, now) - paceOf(b, now))
    if (slowest === undefined) return
    if (waiters.some(({ sender }) => sender !== slowest)) this.#fail(slowest)
  }

  #fail(sender: Sender): void {
    const failure = new StoreError('REQUEST_TIMEOUT', 'others waited for memory, and this upload was the slowest')
    sender.failure = failure
    sender.waiter?.refuse(failure)
    sender.stop?.abort(failure)
  }
}

/** The time for which a sender waits for memory does not count. */
function paceOf({ pace, waiter }: Sender, now: number): number {
  return pace.bytesPerMs(waiter?.since ?? now)
}

/** @returns for how long nothing has come of an upload that waits for no memory */
function idleMsOf({ pace, waiter }: Sender, now: number): number {
  return waiter === undefined ? now - pace.lastAt : 0
}
