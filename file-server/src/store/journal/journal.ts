import { StoreError } from '@holdfast/shared/errors/store-error'
import type { Slot } from '@holdfast/shared/ids'
import { failpoint } from '@holdfast/shared/node/failpoint'
import type { NamedCopy } from '@holdfast/shared/wire/shapes'
import { Tally } from '../../tally.ts'
import { DiskHangsError } from '../disk/disk-calls.ts'
import { type DiskHealth, onceItCanBeTried, toDiskError } from '../disk/disk-health.ts'
import type { FrameKind } from './journal-frame.ts'
import { JournalGroup, mayGrow } from './journal-group.ts'
import { Entry, JournalQueue } from './journal-queue.ts'
import type { Segment } from './journal-segment.ts'

const GROW_BYTES = 4 * 1024 ** 2
/** A segment with frames is checkpointed after this time, so that a restart has little to replay. */
const CHECKPOINT_AFTER_MS = 10_000
const QUEUE_LIMITS = { maxCount: 8_192, maxBytes: 64 * 1024 ** 2, maxWaitMs: 10_000 }
const EXPIRE_EVERY_MS = 250
const NO_BYTES = Buffer.alloc(0)

export interface JournalDeps {
  /** Both are empty, and the first is written to. */
  readonly segments: readonly [Segment, Segment]
  readonly maxCopyBytes: number
  readonly maxSegmentBytes: number
  /** Makes durable what the tree holds of these copies, and that it does not hold them. */
  readonly makeDurable: (copies: readonly NamedCopy[]) => Promise<void>
  /** Sets room on the disk aside. @throws DISK_FULL */
  readonly spendRoom: (bytes: number) => Promise<void>
  readonly health: DiskHealth
  readonly limits?: Partial<typeof QUEUE_LIMITS>
}

/** A put like this is on its way. */
export type PendingPut = Pick<Entry, 'synced' | 'written' | 'isWithdrawn'>

/**
 * This is the write-ahead journal: a frame is durable when its promise resolves, and so are all frames before it. Frames go
 * to one segment; when it is full or old the other takes over, and it is used again when all it says is durable in the tree.
 */
export class Journal {
  readonly failed: Promise<never>
  readonly #deps: JournalDeps
  readonly #queue: JournalQueue
  readonly #group = new JournalGroup()
  /** Says how many live frames name a slot, those that wait included. */
  readonly #mentions = new Tally<Slot>()
  #active: Segment
  #other: Segment
  #generation: number
  #running: Promise<void> | null = null
  #checkpointing: Promise<void> | null = null
  #lastNote: Promise<void> = Promise.resolve()
  #isOld = false
  #ageTimer: NodeJS.Timeout | undefined
  #isStuck = false
  #isClosing = false
  #failure: StoreError | null = null
  #lose: (error: Error) => void = () => undefined

  constructor(deps: JournalDeps) {
    this.#deps = deps
    this.#queue = new JournalQueue({ ...QUEUE_LIMITS, ...deps.limits })
    const [active, other] = deps.segments
    this.#active = active
    this.#other = other
    this.#generation = Math.max(active.header.generation, other.header.generation)
    this.failed = new Promise<never>((_, reject) => {
      this.#lose = reject
    })
    // A failure that nobody listens for must not end the process as unhandled.
    this.failed.catch(() => undefined)
  }

  /** @returns whether copies of this size go through the journal. */
  takes(sizeBytes: number): boolean {
    return sizeBytes <= this.#deps.maxCopyBytes
  }

  /** @returns whether a replay would have something to say of the slot. */
  mentions(slot: Slot): boolean {
    return this.#mentions.has(slot)
  }

  /** Has to pass before anything is done that needs a frame. @throws OVERLOADED, DISK_FAILED */
  requireRoom(): void {
    if (this.#failure !== null) throw this.#failure
    if (this.#queue.isFull) throw new StoreError('OVERLOADED', 'the journal is full')
  }

  put(copy: NamedCopy, bytes: Uint8Array): PendingPut {
    return this.#append('put', copy, bytes)
  }

  /** Writes a frame that is never refused for want of time, because what it says has happened. */
  note(kind: 'gone' | 'settled', copy: NamedCopy): Promise<void> {
    this.#lastNote = this.#append(kind, copy, NO_BYTES).synced
    return this.#lastNote
  }

  /** Resolves when every `note` so far is durable. */
  notesSynced(): Promise<void> {
    return this.#lastNote
  }

  /** Checkpoints everything, so that the next start replays nothing. Nothing may be on its way. */
  async close(): Promise<void> {
    this.#isClosing = true
    clearTimeout(this.#ageTimer)
    await this.#running
    await this.#checkpointing
    if (this.#failure === null && !this.#isStuck && this.#active.copies.length > 0) await this.#checkpoint(this.#active)
    await this.#active.close()
    await this.#other.close()
  }

  #append(kind: FrameKind, copy: NamedCopy, bytes: Uint8Array): Entry {
    const entry = new Entry(kind, copy, bytes, performance.now())
    if (this.#failure !== null) entry.fail(this.#failure)
    else {
      this.#mentions.add(copy.slot)
      this.#queue.push(entry)
      this.#wake()
    }
    return entry
  }

  #wake(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = null
      if (this.#failure === null && (this.#queue.first !== undefined || this.#isOld)) this.#wake()
    })
  }

  async #run(): Promise<void> {
    try {
      // What arrives in one turn of the loop goes out together.
      await new Promise(setImmediate)
      while (this.#queue.first !== undefined || this.#isOld) {
        if (this.#isOld) this.#switchIfPossible()
        const group = this.#group.take(this.#queue, this.#active)
        if (group.length > 0) await this.#write(group)
        else if (this.#queue.first !== undefined) await this.#makeRoom()
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  async #write(group: readonly Entry[]): Promise<void> {
    try {
      await this.#group.writeTo(this.#active)
    } catch (error) {
      const failure = this.#fail(error)
      for (const entry of group) entry.fail(failure)
      throw failure
    }
    this.#ageTimer ??= setTimeout(() => this.#grewOld(), CHECKPOINT_AFTER_MS).unref()
    for (const entry of group) entry.settle()
  }

  async #makeRoom(): Promise<void> {
    if (await this.#grow()) return
    if (this.#isStuck) throw new Error('the journal is full and could not be checkpointed')
    if (this.#checkpointing === null) {
      this.#switch()
      return
    }
    const timer = setInterval(() => this.#expire(), EXPIRE_EVERY_MS)
    await this.#checkpointing
    clearInterval(timer)
  }

  #expire(): void {
    for (const { copy } of this.#queue.expire(performance.now())) this.#mentions.remove(copy.slot)
  }

  /** @returns false where the segment is as large as it may be, or the disk is full. */
  async #grow(): Promise<boolean> {
    const { maxSegmentBytes, spendRoom } = this.#deps
    const stepBytes = Math.min(GROW_BYTES, maxSegmentBytes - this.#active.sizeBytes)
    if (stepBytes <= 0 || !mayGrow(this.#active)) return false
    try {
      await spendRoom(stepBytes)
      await this.#active.grow(stepBytes)
      return true
    } catch (error) {
      if (toDiskError(error).name === 'DISK_FULL') return false
      throw error
    }
  }

  #grewOld(): void {
    this.#isOld = true
    this.#wake()
  }

  #switchIfPossible(): void {
    this.#isOld = false
    if (this.#isStuck || this.#active.copies.length === 0) return
    if (this.#checkpointing === null) this.#switch()
    else this.#ageTimer = setTimeout(() => this.#grewOld(), CHECKPOINT_AFTER_MS).unref()
  }

  #switch(): void {
    clearTimeout(this.#ageTimer)
    this.#ageTimer = undefined
    const full = this.#active
    this.#active = this.#other
    this.#other = full
    this.#checkpointing = this.#checkpoint(full).finally(() => {
      this.#checkpointing = null
    })
  }

  async #checkpoint(segment: Segment): Promise<void> {
    try {
      await segment.allWritten()
      await failpoint?.('file-server.before-checkpoint')
      await onceItCanBeTried(
        () => this.#deps.makeDurable(segment.copies),
        () => this.#isClosing,
      )
      // A sync that failed elsewhere may have used up the error of a copy whose bytes only this segment holds.
      if (this.#deps.health.isSuspect) throw new Error('the disk had failed before')
      await failpoint?.('file-server.before-segment-reset')
      for (const { slot } of await segment.reset(++this.#generation)) this.#mentions.remove(slot)
      await failpoint?.('file-server.after-segment-reset')
    } catch (error) {
      this.#isStuck = true
      this.#deps.health.distrust(new Error('the checkpoint of the journal failed', { cause: error }))
      if (error instanceof DiskHangsError) this.#fail(error)
    }
  }

  /** Nothing is acknowledged after this, because only a replay finds out what of the last group is durable. */
  #fail(error: unknown): StoreError {
    if (this.#failure !== null) return this.#failure
    const cause = new Error('the journal failed', { cause: error })
    this.#failure = new StoreError('DISK_FAILED', undefined, { cause })
    clearTimeout(this.#ageTimer)
    this.#deps.health.distrust(cause)
    this.#queue.failAll(this.#failure)
    this.#lose(cause)
    return this.#failure
  }
}
