import type { Candidate } from './heal.ts'

/** The bad replicas of a chunk that has no good one are tried again after this time, for the disk may have failed only for a while. */
const AGAIN_AFTER_MS = 600_000
/** At most this many such chunks are tried in that time, or those that are lost for good would keep all others waiting. */
const MAX_TRIED = 256

/** Remembers of which chunks bad replicas were tried lately. */
export class LastResorts {
  readonly #triedAt = new Map<string, number>()

  /** @returns whether the bad replicas of the chunk may be tried at this moment; then they count as tried */
  mayTry({ holder, place }: Candidate): boolean {
    const now = performance.now()
    for (const [key, at] of this.#triedAt) {
      // They stand in the order of their times.
      if (now - at < AGAIN_AFTER_MS) break
      this.#triedAt.delete(key)
    }
    const key = `${holder._id.toHexString()}-${place.number}`
    if (this.#triedAt.has(key) || this.#triedAt.size >= MAX_TRIED) return false
    this.#triedAt.set(key, now)
    return true
  }
}
