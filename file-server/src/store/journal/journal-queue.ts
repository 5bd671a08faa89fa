import { StoreError } from '@holdfast/shared/errors/store-error'
import type { NamedCopy } from '@holdfast/shared/wire/shapes'
import type { FrameKind } from './journal-frame.ts'
import type { Segment } from './journal-segment.ts'

/** A frame on its way into the journal keeps those who wait for it. */
export class Entry {
  readonly kind: FrameKind
  readonly copy: NamedCopy
  readonly bytes: Uint8Array
  readonly queuedAtMs: number
  /** Resolves when the frame is durable. */
  readonly synced: Promise<void>
  sequence = 0
  /** The frame went to this segment, once its turn had come. */
  segment: Segment | null = null
  /** The frame was refused before its turn, so the journal knows nothing of it. */
  isWithdrawn = false
  #isWritten: boolean
  #resolve: () => void = () => undefined
  #reject: (error: unknown) => void = () => undefined

  constructor(kind: FrameKind, copy: NamedCopy, bytes: Uint8Array, nowMs: number) {
    this.kind = kind
    this.copy = copy
    this.bytes = bytes
    this.queuedAtMs = nowMs
    this.#isWritten = kind !== 'put'
    this.synced = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  goInto(segment: Segment): void {
    this.segment = segment
    segment.copies.push(this.copy)
    if (!this.#isWritten) segment.putBegins()
  }

  /** Tells that a put's file in the tree is complete, or that a later frame says that it is gone. */
  written(): void {
    if (this.#isWritten) return
    this.#isWritten = true
    this.segment?.putEnds()
  }

  settle(): void {
    this.#resolve()
  }

  fail(error: unknown): void {
    this.#reject(error)
  }
}

interface QueueLimits {
  readonly maxCount: number
  readonly maxBytes: number
  /** A put waits this long for its turn at most. */
  readonly maxWaitMs: number
}

/**
 * Frames wait here for their turn, in order and bounded. Only puts may be refused, because what the others say has
 * happened.
 */
export class JournalQueue {
  readonly #limits: QueueLimits
  #entries: Entry[] = []
  #head = 0
  #bytes = 0

  constructor(limits: QueueLimits) {
    this.#limits = limits
  }

  get isFull(): boolean {
    return this.#entries.length - this.#head >= this.#limits.maxCount || this.#bytes >= this.#limits.maxBytes
  }

  get first(): Entry | undefined {
    return this.#entries[this.#head]
  }

  push(entry: Entry): void {
    this.#entries.push(entry)
    this.#bytes += entry.bytes.length
  }

  shift(): void {
    this.#bytes -= this.first?.bytes.length ?? 0
    this.#head++
    if (this.#head < this.#entries.length && this.#head < this.#limits.maxCount) return
    this.#entries = this.#entries.slice(this.#head)
    this.#head = 0
  }

  /** Takes out the puts that have waited too long. */
  expire(nowMs: number): Entry[] {
    const dueBefore = nowMs - this.#limits.maxWaitMs
    const isDue = (entry: Entry): boolean => entry.kind === 'put' && entry.queuedAtMs <= dueBefore
    const waiting = this.#entries.slice(this.#head)
    const due = waiting.filter(isDue)
    if (due.length === 0) return due
    this.#replace(waiting.filter((entry) => !isDue(entry)))
    for (const entry of due) {
      entry.isWithdrawn = true
      entry.fail(new StoreError('OVERLOADED', 'the journal is full'))
    }
    return due
  }

  failAll(error: unknown): void {
    const waiting = this.#entries.slice(this.#head)
    this.#replace([])
    for (const entry of waiting) entry.fail(error)
  }

  #replace(entries: Entry[]): void {
    this.#entries = entries
    this.#head = 0
    this.#bytes = entries.reduce((sum, entry) => sum + entry.bytes.length, 0)
  }
}
