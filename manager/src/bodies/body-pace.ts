/** How slowly a body may come. Only time spent waiting for the client counts. */
export interface PaceLimits {
  /** The longest wait for a byte. */
  readonly idleMs: number
  /** In every window of so much waiting at least `minWindowBytes` must come. */
  readonly windowMs: number
  readonly minWindowBytes: number
}

/** About 0.5 KiB/s: a frame's worth comes well before the file-server gives the upload up. */
export const DEFAULT_PACE: PaceLimits = { idleMs: 30_000, windowMs: 30_000, minWindowBytes: 16 * 1024 }

/** Tells a slow client from one that only pretends to send. */
export class BodyPace {
  readonly #limits: PaceLimits
  #idleMs = 0
  #windowMs = 0
  #windowBytes = 0

  constructor(limits: PaceLimits) {
    this.#limits = limits
  }

  /** How long to wait at most before `noteWait`. */
  get nextWaitMs(): number {
    const { idleMs, windowMs } = this.#limits
    return Math.max(1, Math.ceil(Math.min(idleMs - this.#idleMs, windowMs - this.#windowMs)))
  }

  noteBytes(count: number): void {
    this.#idleMs = 0
    this.#windowBytes += count
  }

  /** @returns whether the client is still fast enough. */
  noteWait(elapsedMs: number): boolean {
    this.#idleMs += elapsedMs
    this.#windowMs += elapsedMs
    if (this.#idleMs >= this.#limits.idleMs) return false
    if (this.#windowMs < this.#limits.windowMs) return true
    const isFastEnough = this.#windowBytes >= this.#limits.minWindowBytes
    this.#windowMs = 0
    this.#windowBytes = 0
    return isFastEnough
  }
}
