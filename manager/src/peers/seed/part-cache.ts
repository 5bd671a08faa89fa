import { setTimeout as delay } from 'node:timers/promises'
import { hasErrorName, StoreError } from '@holdfast/shared/errors/store-error'
import { FollowingAbort } from '@holdfast/shared/following-abort'
import { PART_BYTES } from '@holdfast/shared/limits'
import type { Logger } from '@holdfast/shared/node/logger'
import type { MemoryShare } from '../../chunks/reading/download-memory.ts'
import type { FileRecord } from '../../files/file.model.ts'
import { readFile } from '../../files/get-file.ts'
import type { ReadWholeDeps } from '../torrents/read-whole.ts'

/** All parts together take this share of the memory for downloads, so that peers leave enough for everybody else. */
const MEMORY_SHARE = 1 / 8
const MOST_PARTS = 12
/** A part that nobody has asked for since is forgotten. */
const KEPT_MS = 5_000
/** Whoever waits for memory looks again so often. */
const ROOM_AGAIN_MS = 50

interface Part {
  readonly bytes: Promise<Buffer>
  /** Gives back its memory, which nobody uses. */
  readonly release: () => void
  /** This many reads wait for it, or are copying from it. */
  users: number
  timer: NodeJS.Timeout | undefined
}

/**
 * Reads blocks of stored files by whole parts, which can only be verified whole, and keeps each for the blocks that are asked
 * for next. All connections share the parts, so that they take little memory, and what a slow peer has yet to take is a copy.
 */
export class PartCache {
  readonly #deps: ReadWholeDeps
  readonly #log: Logger
  readonly #mostParts: number
  /** The one that was used last stands last. */
  readonly #parts = new Map<string, Part>()
  readonly #stop = new AbortController()

  constructor(deps: ReadWholeDeps, log: Logger) {
    this.#deps = deps
    this.#log = log
    const share = Math.floor((deps.memory.limitBytes * MEMORY_SHARE) / PART_BYTES)
    this.#mostParts = Math.min(MOST_PARTS, Math.max(1, share))
  }

  /** Ends reads under way, and gives all memory back. */
  close(): void {
    this.#stop.abort()
    while (this.#forgetOldest()) {
      // Each turn forgets one.
    }
  }

  /**
   * Fills the target with verified bytes of a file, from `start` on. It waits where there is no memory for them. @throws
   * FILE_UNAVAILABLE, DATABASE_UNAVAILABLE
   */
  async read(record: FileRecord, start: number, target: Buffer, signal: AbortSignal): Promise<void> {
    for (let filled = 0; filled < target.length; ) {
      const number = Math.floor((start + filled) / PART_BYTES)
      const key = `${record._id.toHexString()} ${number}`
      const part = await this.#take(key, record, number, signal)
      try {
        const copied = (await part.bytes).copy(target, filled, start + filled - number * PART_BYTES)
        if (copied === 0) throw new StoreError('INTERNAL', 'the file has no such bytes')
        filled += copied
      } catch (error) {
        this.#forget(key, part)
        throw error
      } finally {
        this.#giveBack(key, part)
      }
    }
  }

  async #take(key: string, record: FileRecord, number: number, signal: AbortSignal): Promise<Part> {
    for (;;) {
      this.#stop.signal.throwIfAborted()
      const part = this.#parts.get(key) ?? this.#open(record, number)
      if (part !== null) {
        part.users += 1
        clearTimeout(part.timer)
        this.#parts.delete(key)
        this.#parts.set(key, part)
        return part
      }
      await delay(ROOM_AGAIN_MS, undefined, { signal })
    }
  }

  #giveBack(key: string, part: Part): void {
    part.users -= 1
    if (part.users > 0) return
    if (this.#parts.get(key) !== part) part.release()
    else part.timer = setTimeout(() => this.#forget(key, part), KEPT_MS).unref()
  }

  /** @returns null where there is no memory for one more part, and none to be had from another */
  #open(record: FileRecord, number: number): Part | null {
    if (this.#parts.size >= this.#mostParts && !this.#forgetOldest()) return null
    const span = { start: number * PART_BYTES, end: Math.min(record.size, (number + 1) * PART_BYTES) }
    const share = this.#takeMemory(span.end - span.start)
    if (share === null) return null
    const requestId = `seed-${record._id.toHexString()}`
    const stop = new FollowingAbort(this.#stop.signal)
    const context = { requestId, signal: stop.signal, log: this.#log }
    const reading = readFile(this.#deps, record, span, context, { isAhead: false, isTaken: () => true })
    const first = reading.next()
    const release = (): void => {
      share[Symbol.dispose]()
      // The reader takes its buffer back when it is asked for more, of which there is nothing.
      first
        .then(() => reading.next())
        .catch(() => undefined)
        .finally(() => stop[Symbol.dispose]())
    }
    const bytes = first.then(({ value }) => {
      if (value?.length === span.end - span.start) return value
      throw new StoreError('INTERNAL', 'the part has another size than its record says')
    })
    return { bytes, release, users: 0, timer: undefined }
  }

  #takeMemory(sizeBytes: number): MemoryShare | null {
    for (;;) {
      try {
        return this.#deps.memory.take(sizeBytes)
      } catch (error) {
        if (!hasErrorName(error, 'OVERLOADED')) throw error
        if (!this.#forgetOldest()) return null
      }
    }
  }

  /** @returns whether there was one that nobody uses */
  #forgetOldest(): boolean {
    for (const [key, part] of this.#parts)
      if (part.users === 0) {
        this.#forget(key, part)
        return true
      }
    return false
  }

  #forget(key: string, part: Part): void {
    if (this.#parts.get(key) !== part) return
    clearTimeout(part.timer)
    this.#parts.delete(key)
    if (part.users === 0) part.release()
  }
}
