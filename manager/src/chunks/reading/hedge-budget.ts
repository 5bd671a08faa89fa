/** Each part that could come from several file-servers allows so much of a hedge. */
const TOKENS_PER_PART = 1 / 20
/** At most this many hedges are saved up, and as many are under way at once, each with memory for a part of its own. */
const MAX_HEDGES = 10

/**
 * Bounds the hedges of a process: the reads of a part that another file-server is asked for already. At most one in twenty is
 * hedged, so that hedges do not double the work where everything is slow, and never more than 10 at once, which is 40 MiB.
 */
export class HedgeBudget {
  #tokens = MAX_HEDGES
  #runningCount = 0

  /** Counts a part that could come from several file-servers. */
  notePart(): void {
    this.#tokens = Math.min(MAX_HEDGES, this.#tokens + TOKENS_PER_PART)
  }

  /** @returns a hedge that lasts until it is disposed of, or null where there may be none at this moment */
  take(): Disposable | null {
    if (this.#tokens < 1 || this.#runningCount >= MAX_HEDGES) return null
    this.#tokens--
    this.#runningCount++
    return {
      [Symbol.dispose]: () => {
        this.#runningCount--
      },
    }
  }
}
