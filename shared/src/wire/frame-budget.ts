import { StoreError } from '../errors/store-error.ts'
import { FRAME_BYTES, MAX_UNACKED_BYTES } from '../limits.ts'

/** An ack faster than this lets the budget grow by a frame, a slower one than `SLOW_ACK_MS` halves it. */
export const FAST_ACK_MS = 500
export const SLOW_ACK_MS = 2_000

/** A stream waits so long for its turn, since its frames queue behind those of other streams. */
const DEFAULT_DEADLINE_MS = 60_000

interface Waiter {
  readonly bytes: number
  readonly grant: () => void
}

/**
 * Counts the bytes that may be unacknowledged on one socket, shared first come first served by all its streams. It starts at one
 * frame and follows the acks' delay, so that a slow link is never filled for longer than a ping may take.
 */
export class FrameBudget {
  #capacityBytes = FRAME_BYTES
  #usedBytes = 0
  readonly #waiters: Waiter[] = []

  get capacityBytes(): number {
    return this.#capacityBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Takes the bytes if they fit and nobody waits. Give them back with `release`. */
  tryAcquire(bytes: number): boolean {
    const isThere = this.#waiters.length === 0 && this.#fits(bytes)
    if (isThere) this.#usedBytes += bytes
    return isThere
  }

  /**
   * Waits for its turn; a message larger than the whole budget goes alone. Give the bytes back with `release`. @throws
   * OVERLOADED at the deadline, where those before it hold their share on a link that does not move
   */
  async acquire(bytes: number, signal?: AbortSignal, deadlineMs = DEFAULT_DEADLINE_MS): Promise<void> {
    if (signal?.aborted) throw new StoreError('CANCELLED', undefined, { cause: signal.reason })
    if (this.tryAcquire(bytes)) return
    await new Promise<void>((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', cancel)
      }
      const giveUp = (error: StoreError): void => {
        end()
        const index = this.#waiters.indexOf(waiter)
        if (index >= 0) this.#waiters.splice(index, 1)
        reject(error)
        this.#wake()
      }
      const cancel = (): void => giveUp(new StoreError('CANCELLED', undefined, { cause: signal?.reason }))
      const timer = setTimeout(() => giveUp(new StoreError('OVERLOADED', 'the link is busy')), deadlineMs)
      const waiter: Waiter = {
        bytes,
        grant: () => {
          end()
          resolve()
        },
      }
      this.#waiters.push(waiter)
      signal?.addEventListener('abort', cancel)
    })
  }

  /** @param ackDelayMs how long the ack took, or null where its delay says nothing of the link */
  release(bytes: number, ackDelayMs: number | null): void {
    this.#usedBytes -= bytes
    if (ackDelayMs !== null && ackDelayMs > SLOW_ACK_MS) {
      this.#capacityBytes = Math.max(FRAME_BYTES, Math.floor(this.#capacityBytes / 2))
    } else if (ackDelayMs !== null && ackDelayMs < FAST_ACK_MS) {
      this.#capacityBytes = Math.min(MAX_UNACKED_BYTES, this.#capacityBytes + FRAME_BYTES)
    }
    this.#wake()
  }

  #fits(bytes: number): boolean {
    return this.#usedBytes === 0 || this.#usedBytes + bytes <= this.#capacityBytes
  }

  #wake(): void {
    for (let next = this.#waiters[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiters[0]) {
      this.#waiters.shift()
      this.#usedBytes += next.bytes
      next.grant()
    }
  }
}
