import { RecentMap } from '@holdfast/shared/recent-map'

/** This many networks are remembered, and twice as many at most. Of more, those that were quiet longest begin anew. */
const REMEMBERED_NETWORKS = 10_000

interface Bucket {
  tokens: number
  filledAt: number
}

/** Lets each network do something so often: `burst` times at once, and `perSecond` times a second after that. */
export class RateLimit {
  readonly #perSecond: number
  readonly #burst: number
  readonly #now: () => number
  readonly #buckets = new RecentMap<string, Bucket>(REMEMBERED_NETWORKS)

  /** @param now milliseconds of a clock that never goes back */
  constructor(limits: { perSecond: number; burst: number }, now: () => number = () => performance.now()) {
    this.#perSecond = limits.perSecond
    this.#burst = limits.burst
    this.#now = now
  }

  /** Notes that it is done once more. @returns whether it may be */
  admits(network: string): boolean {
    const bucket = this.#fill(network)
    this.#buckets.set(network, bucket)
    if (bucket.tokens < 1) return false
    bucket.tokens -= 1
    return true
  }

  /** @returns whether it might be done once more */
  hasRoom(network: string): boolean {
    return this.#fill(network).tokens >= 1
  }

  #fill(network: string): Bucket {
    const now = this.#now()
    const bucket = this.#buckets.get(network) ?? { tokens: this.#burst, filledAt: now }
    bucket.tokens = Math.min(this.#burst, bucket.tokens + ((now - bucket.filledAt) / 1000) * this.#perSecond)
    bucket.filledAt = now
    return bucket
  }
}
