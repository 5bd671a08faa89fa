import type { NamedCopy } from '@holdfast/shared/wire/shapes'

/** With more suspects than this, the oldest clock is forgotten. Its copy only waits for a later pass. */
const MAX_SUSPECTS = 200_000

/**
 * A suspect is a copy that no record names. Its age counts by the process's monotonic clock, so that neither the wall
 * clock nor a file's times can make an upload look older than it is.
 */
export class SuspectClock {
  readonly #now: () => number
  readonly #since = new Map<string, number>()

  /** @param now gives monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Starts the clock of those it does not know. @returns milliseconds since each was first named, in their order */
  agesMs(copies: readonly Pick<NamedCopy, 'copyId' | 'slot'>[]): number[] {
    const now = this.#now()
    return copies.map(({ copyId, slot }) => {
      const key = `${slot}-${copyId}`
      const since = this.#since.get(key) ?? now
      if (!this.#since.has(key)) this.#add(key, now)
      return now - since
    })
  }

  #add(key: string, now: number): void {
    this.#since.set(key, now)
    if (this.#since.size <= MAX_SUSPECTS) return
    for (const oldest of this.#since.keys()) {
      this.#since.delete(oldest)
      break
    }
  }
}
