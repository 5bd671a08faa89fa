import { forgetOldest } from './forget-oldest.ts'

/** This many networks are remembered. Of more, those that were quiet longest begin anew. */
const MAX_NETWORKS = 20_000

interface Bucket {
  tokens: number
  filledAt: number
}

/** Lets each network do something so often: `burst` times at once, and `perSecond` times a second after that. */
export class RateLimit {
  readonly #perSecond: number
  readonly #burst: number
  readonly #now: () => number
  /** The one that was used last stands last. */
  readonly #buckets = new Map<string, Bucket>()

  /** @param now milliseconds of a clock that never goes back */
  constructor(limits: { perSecond: number; burst: number }, now: () => number = () => performance.now()) {
    this.#perSecond = limits.perSecond
    this.#burst = limits.burst
    this.#now = now
  }

  /** Notes that it is done once more. @returns whether it may be */
  admits(network: string): boolean {
    const bucket = this.#fill(network)
    this.#buckets.delete(network)
    this.#buckets.set(network, bucket)
    forgetOldest(this.#buckets, MAX_NETWORKS)
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
