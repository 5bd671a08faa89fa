/**
 * After a call that waited, nothing is done in the event loop's own thread for so long; each further one in a row
 * doubles it.
 */
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 60_000

export interface DiskPaceOptions {
  /** Gives monotonic milliseconds. */
  readonly now: () => number
  /** A call that took longer than this is suspected to have waited for the disk. */
  readonly slowMs: number
  /** Tells whether the disk was waited for since the last question; on a busy machine a call may have waited for the processor. */
  readonly hasWaited?: () => boolean
}

/**
 * Finds out whether the disk answers at once, as it does from the page cache. Then a call in the event loop's own thread costs a
 * third to a tenth of one that goes through the thread pool; a disk that does not must not keep everybody waiting, so one
 * call that waited sends all to the pool for a while.
 */
export class DiskPace {
  readonly #options: DiskPaceOptions
  #pausedUntil = 0
  #pauseMs = 0

  constructor(options: DiskPaceOptions) {
    this.#options = options
  }

  async run<T>(atOnce: () => T, inPool: () => Promise<T>): Promise<T> {
    const startedAt = this.#options.now()
    if (startedAt < this.#pausedUntil) return inPool()
    try {
      return atOnce()
    } finally {
      this.#tookSince(startedAt)
    }
  }

  #tookSince(startedAt: number): void {
    const { now, slowMs, hasWaited = () => true } = this.#options
    const endedAt = now()
    if (endedAt - startedAt <= slowMs || !hasWaited()) {
      this.#pauseMs = 0
      return
    }
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, this.#pauseMs * 2))
    this.#pausedUntil = endedAt + this.#pauseMs
  }
}
