import type { HeldSwarms } from '../stats/tracker-stats.ts'
import type { Swarm } from './swarm.ts'

/** What is in memory is at most so much; what announced longest ago makes place, and stays in the database. */
const MAX_SWARMS = 25_000
const MAX_PEERS = 150_000
/** So much of it stays when place is made. */
const KEPT_SHARE = 0.9

/** Holds the swarms that this process knows, as many as there is room for. */
export class SwarmMemory {
  /** The one that was used last stands last. */
  readonly #swarms = new Map<string, Swarm>()
  #peerCount = 0

  get(infoHash: string): Swarm | undefined {
    return this.#swarms.get(infoHash)
  }

  /** Puts a swarm last, also one that is here. @param sizeBefore what it counted with; 0 where it is new */
  put(infoHash: string, swarm: Swarm, sizeBefore: number): void {
    this.#swarms.delete(infoHash)
    this.#swarms.set(infoHash, swarm)
    this.#peerCount += swarm.size - sizeBefore
    if (!this.#fits(1)) this.#makePlace()
  }

  #fits(share: number): boolean {
    return this.#swarms.size <= share * MAX_SWARMS && this.#peerCount <= share * MAX_PEERS
  }

  /** Forgets many at once, for to find the first entry of a map takes a walk over all that were deleted before it. */
  #makePlace(): void {
    for (const oldest of this.#swarms.keys()) {
      if (this.#fits(KEPT_SHARE)) return
      this.forget(oldest)
    }
  }

  forget(infoHash: string): void {
    this.#peerCount -= this.#swarms.get(infoHash)?.size ?? 0
    this.#swarms.delete(infoHash)
  }

  /** Notes that a swarm has changed. It may have made room for others while it was waited for. */
  noteSize(infoHash: string, swarm: Swarm, sizeBefore: number): void {
    if (this.#swarms.get(infoHash) === swarm) this.#peerCount += swarm.size - sizeBefore
  }

  /** Forgets peers that have expired, and swarms without any. @param now whole seconds of the wall clock */
  expire(now: number): void {
    for (const [infoHash, swarm] of this.#swarms) {
      const sizeBefore = swarm.size
      swarm.expire(now)
      this.noteSize(infoHash, swarm, sizeBefore)
      if (swarm.size === 0) this.forget(infoHash)
    }
  }

  held(): HeldSwarms {
    let seeds = 0
    for (const { seedCount } of this.#swarms.values()) seeds += seedCount
    return { swarms: this.#swarms.size, peers: this.#peerCount, seeds }
  }
}
