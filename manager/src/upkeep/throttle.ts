import { setTimeout as delay } from 'node:timers/promises'

/** Whoever takes much takes it in pieces of so many bytes, so that another one who comes later gets its share. */
const PIECE_BYTES = 1024 ** 2
/** Time that nobody used is made up for up to this, or late timers would lower the rate. */
const CREDIT_MS = 100

/** Holds all upkeep together to one rate. */
export class Throttle {
  readonly #bytesPerMs: number
  #freeAt = 0

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = Math.max(1, bytesPerSecond) / 1_000
  }

  /** Resolves when the rate allows so many bytes, and at once when the signal fires. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    for (let left = bytes; left > 0 && !signal.aborted; left -= PIECE_BYTES) {
      const now = performance.now()
      const startAt = Math.max(now - CREDIT_MS, this.#freeAt)
      this.#freeAt = startAt + Math.min(left, PIECE_BYTES) / this.#bytesPerMs
      if (startAt > now) await delay(startAt - now, undefined, { signal }).catch(() => undefined)
    }
  }
}
