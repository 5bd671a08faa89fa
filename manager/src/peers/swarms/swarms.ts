import { setTimeout as delay } from 'node:timers/promises'
import { StoreError, toStoreError } from '@holdfast/shared/errors/store-error'
import type { Endpoint } from '@holdfast/shared/node/address'
import type { Logger } from '@holdfast/shared/node/logger'
import type { TrackerCounts } from '../stats/tracker-counts.ts'
import type { HeldSwarms } from '../stats/tracker-stats.ts'
import { keyOf, type Swarm, type SwarmPeer } from './swarm.ts'
import { SwarmMemory } from './swarm-memory.ts'
import { SwarmReads, type SwarmReadsDeps } from './swarm-reads.ts'
import type { SwarmRecords } from './swarm-records.ts'
import { SwarmWrites } from './swarm-writes.ts'

/** Says what a peer tells of itself, and asks for. */
export interface Announce {
  /** It has 40 hex digits. */
  readonly infoHash: string
  readonly endpoint: Endpoint
  readonly peerId: Buffer
  readonly isSeed: boolean
  readonly event: 'started' | 'stopped' | 'completed' | null
  /** It asks for so many peers at most. */
  readonly wanted: number
  /** It asks for peers of this family alone, or of both. */
  readonly family: 4 | 6 | null
}

export interface SwarmCounts {
  readonly seeds: number
  readonly leechers: number
  readonly downloaded: number
}

export interface AnnounceAnswer extends SwarmCounts {
  readonly peers: readonly SwarmPeer[]
}

export interface SwarmsDeps extends Omit<SwarmReadsDeps, 'lifeSeconds' | 'memory' | 'writes'> {
  readonly records: SwarmRecords
  readonly counts: TrackerCounts
  readonly log: Logger
  /** Peers are told to announce so often. */
  readonly intervalMs: number
}

/** The database takes no further swarms and peers beyond this. */
const MAX_PEERS_STORED = 4_000_000
const SWEEP_EVERY_MS = 20_000
/** A swarm that was registered is kept so long after its last announce. */
const KEPT_MS = 30 * 86_400_000
const KEEP_AGAIN_MS = 86_400_000

/** A peer that is silent for two intervals and this is gone. */
const SLACK_MS = 60_000

/**
 * Knows who is in which swarm. Answers come from memory, what changes is written to the database in groups a moment later, and
 * a swarm that was not heard of lately is read from there first. So a restart loses what changed in the last moment before a
 * crash, and nothing otherwise.
 */
export class Swarms {
  readonly #deps: SwarmsDeps
  readonly #memory = new SwarmMemory()
  readonly #writes: SwarmWrites
  readonly #reads: SwarmReads
  /** A peer counts for so long after an announce. */
  readonly #lifeMs: number
  #isFull = false
  readonly #stop = new AbortController()
  readonly #ended: Promise<void>

  constructor(deps: SwarmsDeps) {
    this.#deps = deps
    this.#lifeMs = 2 * deps.intervalMs + SLACK_MS
    this.#writes = new SwarmWrites(deps)
    const own = { memory: this.#memory, writes: this.#writes, lifeSeconds: this.#lifeMs / 1000 }
    this.#reads = new SwarmReads({ ...deps, ...own })
    this.#ended = this.#repeatSweep()
  }

  /** Writes what is still to be written. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#ended
    await this.#writes.close()
  }

  /** Peers are told to announce so often. */
  get intervalSeconds(): number {
    return Math.max(1, Math.round(this.#deps.intervalMs / 1000))
  }

  /** This many changes of peers are not written yet. */
  get unwrittenCount(): number {
    return this.#writes.peerCount
  }

  /** Counts what is in memory. */
  held(): HeldSwarms {
    return this.#memory.held()
  }

  /** Counts the peers that all managers know. */
  async countStored(): Promise<number> {
    return this.#deps.records.countPeers()
  }

  /** Has an info-hash tracked also where not every one is. @throws TOO_MANY_REQUESTS, DATABASE_UNAVAILABLE */
  async allow(infoHash: string): Promise<void> {
    await this.#deps.records.allow(infoHash, Date.now() + KEPT_MS)
    this.noteTracked(infoHash)
  }

  /** Is told of an info-hash that is tracked from then on, for it may have been refused a moment ago. */
  noteTracked(infoHash: string): void {
    this.#reads.noteTracked(infoHash)
  }

  /** @returns null where the info-hash is not tracked. @throws TOO_MANY_REQUESTS, OVERLOADED, DATABASE_UNAVAILABLE */
  async announce(wish: Announce): Promise<AnnounceAnswer | null> {
    const { infoHash, endpoint, isSeed, event, wanted, family } = wish
    const swarm = this.#reads.fresh(infoHash) ?? (await this.#reads.find(infoHash))
    if (swarm === null) return null
    const now = Date.now()
    const key = keyOf(endpoint)
    this.#expire(infoHash, swarm, now)
    const sizeBefore = swarm.size
    const known = swarm.get(key)
    const wasSeed = known?.isSeed === true
    if (event === 'stopped') {
      if (swarm.delete(key)) this.#writes.putPeer(infoHash, key, null)
    } else {
      if (known === undefined) this.#requireRoom(swarm, endpoint)
      this.#put(swarm, wish, key, known, now)
    }
    this.#memory.noteSize(infoHash, swarm, sizeBefore)
    // One that completes twice is counted once, and one that still lacks bytes has not completed.
    if (event === 'completed' && isSeed && !wasSeed) this.#noteSwarm(infoHash, swarm, 1)
    else if (swarm.keptUntil > 0 && swarm.keptUntil < now + KEPT_MS - KEEP_AGAIN_MS) this.#noteSwarm(infoHash, swarm, 0)
    // A client that has no more than a magnet link says when it starts that it lacks nothing, and needs seeds.
    const asker = { key, scope: endpoint.address.scope, isSeed: isSeed && event !== 'started', family }
    const peers = event === 'stopped' ? [] : swarm.choose(asker, wanted, Math.random())
    return { peers, ...countsOf(swarm) }
  }

  /** @returns null where the info-hash is not tracked. @throws OVERLOADED, DATABASE_UNAVAILABLE */
  async scrape(infoHash: string): Promise<SwarmCounts | null> {
    const swarm = this.#reads.fresh(infoHash) ?? (await this.#reads.find(infoHash))
    if (swarm === null) return null
    this.#expire(infoHash, swarm, Date.now())
    return countsOf(swarm)
  }

  /** What has gone is counted at once, also where the rest of an announce is refused. */
  #expire(infoHash: string, swarm: Swarm, now: number): void {
    const sizeBefore = swarm.size
    swarm.expire(secondsOf(now))
    this.#memory.noteSize(infoHash, swarm, sizeBefore)
  }

  /** Sees to it that there may be one more peer. What cannot be written would be forgotten soon. */
  #requireRoom(swarm: Swarm, { address }: Endpoint): void {
    const problem = this.#isFull
      ? 'the tracker has no room for further peers'
      : swarm.hasRoomFor(address)
        ? null
        : 'this address has too many peers in the swarm'
    if (problem !== null) {
      this.#deps.counts.refused.noRoom += 1
      throw new StoreError('TOO_MANY_REQUESTS', problem)
    }
    if (this.#writes.isFull) throw new StoreError('OVERLOADED', 'the tracker writes down other peers first: ask again')
  }

  #put(swarm: Swarm, wish: Announce, key: string, known: SwarmPeer | undefined, now: number): void {
    const { infoHash, endpoint, isSeed } = wish
    const peerId = wish.peerId.toString('latin1')
    const expiresAt = secondsOf(now + this.#lifeMs)
    const isNews = known === undefined || known.isSeed !== isSeed || known.peerId !== peerId
    const isPending = known !== undefined && this.#writes.hasPeer(infoHash, key)
    // One that announces every few seconds is not written each time: the database may believe it to expire a little earlier.
    const isDue = known === undefined || expiresAt - known.storedUntil > this.#deps.intervalMs / 2_000
    const isWritten = isPending || ((isNews || isDue) && !this.#writes.isFull)
    const storedUntil = isWritten || known === undefined ? expiresAt : known.storedUntil
    const { scope } = endpoint.address
    const peer = swarm.put({ key: known?.key ?? key, scope, peerId, isSeed, expiresAt, storedUntil })
    if (isWritten) this.#writes.putPeer(infoHash, peer.key, peer)
  }

  #noteSwarm(hash: string, swarm: Swarm, completed: number): void {
    swarm.downloaded += completed
    swarm.keptUntil = Date.now() + KEPT_MS
    this.#deps.counts.completed += completed
    this.#writes.putSwarm(hash, swarm.keptUntil, completed)
  }

  async #sweep(): Promise<void> {
    this.#memory.expire(secondsOf(Date.now()))
    this.#isFull = (await this.countStored()) >= MAX_PEERS_STORED
  }

  async #repeatSweep(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      // The next round does what this one did not; the database's own state is logged where it changes.
      await this.#sweep().catch((thrown: unknown) =>
        this.#deps.log.debug({ err: toStoreError(thrown) }, 'peers not counted'),
      )
      await delay(SWEEP_EVERY_MS, undefined, { signal }).catch(() => undefined)
    }
  }
}

/** @returns whole seconds, as peers have them */
function secondsOf(ms: number): number {
  return Math.floor(ms / 1000)
}

function countsOf(swarm: Swarm): SwarmCounts {
  return { seeds: swarm.seedCount, leechers: swarm.size - swarm.seedCount, downloaded: swarm.downloaded }
}
