import { setTimeout as delay } from 'node:timers/promises'
import { StoreError, toStoreError } from '@holdfast/shared/errors/store-error'
import type { Endpoint } from '@holdfast/shared/node/address'
import type { Logger } from '@holdfast/shared/node/logger'
import { GroupedWork, resultOf } from '../../mongo/grouped-work.ts'
import type { TrackerCounts } from '../stats/tracker-counts.ts'
import type { HeldSwarms } from '../stats/tracker-stats.ts'
import { keyOf, peerOf, Swarm, type SwarmPeer } from './swarm.ts'
import { SwarmMemory } from './swarm-memory.ts'
import type { StoredSwarm, SwarmRecords } from './swarm-records.ts'
import { SwarmWrites } from './swarm-writes.ts'

/** What a peer tells of itself, and asks for. */
export interface Announce {
  /** 40 hex digits. */
  readonly infoHash: string
  readonly endpoint: Endpoint
  readonly peerId: Buffer
  readonly isSeed: boolean
  readonly event: 'started' | 'stopped' | 'completed' | null
  /** How many peers it asks for at most. */
  readonly wanted: number
  /** Peers of this family alone, or of both. */
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

export interface SwarmsDeps {
  readonly records: SwarmRecords
  readonly counts: TrackerCounts
  readonly log: Logger
  /** Whether every info-hash is tracked, or only those that were registered and those of stored files. */
  readonly isOpen: boolean
  /** Tells which of some info-hashes torrents of stored files have. */
  readonly findStored: (infoHashes: readonly string[]) => Promise<ReadonlySet<string>>
  /** Peers are told to announce so often. */
  readonly intervalMs: number
  /** Whether there are other managers, which peers may announce to. */
  readonly hasOthers: () => boolean
}

/** The database takes no further swarms and peers beyond this. */
const MAX_PEERS_STORED = 4_000_000
/** Another manager may have heard of further peers, so a swarm is read again when it is asked for after this. */
const READ_AGAIN_MS = 2_000
/** The same where no other manager is known; one that has just come is soon. */
const READ_AGAIN_ALONE_MS = 60_000
/** A swarm is taken for as large when it is read, so that a group has 32 and comes in time also where each has many peers. */
const SWARM_BYTES = 128 * 1024
/** That an info-hash is not tracked is remembered so long, for so many of them. */
const REFUSED_MS = 3_000
const MAX_REFUSED = 20_000
const SWEEP_EVERY_MS = 20_000
/** A swarm that was registered is kept so long after its last announce. */
const KEPT_MS = 30 * 86_400_000
const KEEP_AGAIN_MS = 86_400_000

/** A peer that is silent for two intervals and this is gone. */
const SLACK_MS = 60_000
const JUST_ANNOUNCED_MS = 10_000

/**
 * Knows who is in which swarm. Answers come from memory, what changes is written to the database in groups a moment later, and
 * a swarm that was not heard of lately is read from there first. So a restart loses what changed in the last moment before a
 * crash, and nothing otherwise.
 */
export class Swarms {
  readonly #deps: SwarmsDeps
  readonly #memory = new SwarmMemory()
  readonly #reading = new Map<string, Promise<Swarm | null>>()
  readonly #refused = new Map<string, number>()
  readonly #reads: GroupedWork<string, StoredSwarm>
  readonly #writes: SwarmWrites
  #isFull = false
  readonly #stop = new AbortController()
  readonly #ended: Promise<void>

  constructor(deps: SwarmsDeps) {
    this.#deps = deps
    this.#reads = new GroupedWork(
      (hashes) => read(deps, hashes),
      () => SWARM_BYTES,
    )
    this.#writes = new SwarmWrites(deps)
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

  get #readAgainMs(): number {
    return this.#deps.hasOthers() ? READ_AGAIN_MS : READ_AGAIN_ALONE_MS
  }

  /** A peer counts for so long after an announce. */
  get #lifeMs(): number {
    return 2 * this.#deps.intervalMs + SLACK_MS
  }

  /** So many changes of peers are not written yet. */
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
    this.#refused.delete(infoHash)
  }

  /** @returns null where the info-hash is not tracked. @throws TOO_MANY_REQUESTS, OVERLOADED, DATABASE_UNAVAILABLE */
  async announce(wish: Announce): Promise<AnnounceAnswer | null> {
    const { infoHash, endpoint, isSeed, event, wanted, family } = wish
    const swarm = this.#fresh(infoHash) ?? (await this.#read(infoHash))
    if (swarm === null) return null
    const now = Date.now()
    const sizeBefore = swarm.size
    const key = keyOf(endpoint)
    swarm.expire(now)
    const known = swarm.get(key)
    if (event === 'stopped') {
      if (swarm.delete(key)) this.#writes.putPeer(infoHash, key, null)
    } else {
      if (known === undefined) this.#requireRoom(swarm, endpoint)
      this.#put(swarm, wish, known, now)
    }
    this.#memory.noteSize(infoHash, swarm, sizeBefore)
    // One that completes twice is counted once.
    if (event === 'completed' && known?.isSeed !== true) this.#noteSwarm(infoHash, swarm, 1)
    else if (swarm.keptUntil > 0 && swarm.keptUntil < now + KEPT_MS - KEEP_AGAIN_MS) this.#noteSwarm(infoHash, swarm, 0)
    const asker = { key, scope: endpoint.address.scope, isSeed, family }
    const peers = event === 'stopped' ? [] : swarm.choose(asker, wanted, Math.random())
    return { ...countsOf(swarm), peers }
  }

  /** @returns null where the info-hash is not tracked. @throws OVERLOADED, DATABASE_UNAVAILABLE */
  async scrape(infoHash: string): Promise<SwarmCounts | null> {
    const swarm = this.#fresh(infoHash) ?? (await this.#read(infoHash))
    if (swarm === null) return null
    const sizeBefore = swarm.size
    swarm.expire(Date.now())
    this.#memory.noteSize(infoHash, swarm, sizeBefore)
    return countsOf(swarm)
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

  #put(
    swarm: Swarm,
    { infoHash, endpoint, peerId, isSeed }: Announce,
    known: SwarmPeer | undefined,
    now: number,
  ): void {
    const { intervalMs } = this.#deps
    const expiresAt = now + this.#lifeMs
    const isNews = known === undefined || known.isSeed !== isSeed || !known.peerId.equals(peerId)
    const isPending = known !== undefined && this.#writes.hasPeer(infoHash, known.key)
    // One that announces every few seconds is not written each time: the database may believe it to expire a little earlier.
    const isDue = known === undefined || expiresAt - known.storedUntil > intervalMs / 2
    const isWritten = isPending || ((isNews || isDue) && !this.#writes.isFull)
    const storedUntil = isWritten || known === undefined ? expiresAt : known.storedUntil
    const peer = peerOf(endpoint, { peerId, isSeed, expiresAt, storedUntil }, known)
    swarm.put(peer)
    if (isWritten) this.#writes.putPeer(infoHash, peer.key, peer)
  }

  /** @returns a swarm whose peers are known well enough */
  #fresh(infoHash: string): Swarm | undefined {
    const swarm = this.#memory.get(infoHash)
    if (swarm === undefined || performance.now() - swarm.readAt > this.#readAgainMs) return undefined
    this.#memory.put(infoHash, swarm, swarm.size)
    return swarm
  }

  #read(infoHash: string): Promise<Swarm | null> {
    const refusedUntil = this.#refused.get(infoHash)
    if (refusedUntil !== undefined && refusedUntil > performance.now()) return Promise.resolve(null)
    const known = this.#reading.get(infoHash)
    if (known !== undefined) return known
    // The read may have failed already, so what removes it must come after this.
    const reading = this.#readAnew(infoHash).finally(() => this.#reading.delete(infoHash))
    this.#reading.set(infoHash, reading)
    return reading
  }

  async #readAnew(infoHash: string): Promise<Swarm | null> {
    try {
      const stored = resultOf(await this.#reads.add(infoHash))
      if (this.#deps.isOpen || stored.isAllowed) return this.#merge(infoHash, stored)
      this.#memory.forget(infoHash)
      this.#refused.delete(infoHash)
      this.#refused.set(infoHash, performance.now() + REFUSED_MS)
      const [oldest] = this.#refused.keys()
      if (oldest !== undefined && this.#refused.size > MAX_REFUSED) this.#refused.delete(oldest)
      return null
    } catch (error) {
      // While the database is away the tracker goes on with what it knows.
      const known = this.#memory.get(infoHash)
      if (known === undefined) throw error
      known.readAt = performance.now()
      return known
    }
  }

  /** Takes over what the database has, except where this process knows better and has not yet written it. */
  #merge(infoHash: string, stored: StoredSwarm): Swarm {
    const swarm = this.#memory.get(infoHash) ?? new Swarm()
    const sizeBefore = swarm.size
    const storedKeys = new Set(stored.peers.map(({ key }) => key))
    // One that announced a moment ago may have been written after the database was read.
    const newSince = Date.now() - JUST_ANNOUNCED_MS + this.#lifeMs
    for (const { key, expiresAt } of swarm.peers())
      if (!storedKeys.has(key) && !this.#writes.hasPeer(infoHash, key) && expiresAt < newSince) swarm.delete(key)
    for (const peer of stored.peers) {
      const known = swarm.get(peer.key)
      if (this.#writes.hasPeer(infoHash, peer.key) || (known && known.expiresAt >= peer.expiresAt)) continue
      swarm.put(peer)
    }
    swarm.downloaded = stored.downloaded + this.#writes.completedOf(infoHash)
    swarm.keptUntil = stored.keptUntil
    swarm.readAt = performance.now()
    this.#memory.put(infoHash, swarm, sizeBefore)
    return swarm
  }

  #noteSwarm(hash: string, swarm: Swarm, completed: number): void {
    swarm.downloaded += completed
    swarm.keptUntil = Date.now() + KEPT_MS
    this.#deps.counts.completed += completed
    this.#writes.putSwarm(hash, swarm.keptUntil, completed)
  }

  async #sweep(): Promise<void> {
    this.#memory.expire(Date.now())
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

/** Reads what is known of info-hashes, of which those of stored files count as registered. */
async function read({ records, isOpen, findStored }: SwarmsDeps, hashes: readonly string[]): Promise<StoredSwarm[]> {
  const nothing: ReadonlySet<string> = new Set()
  const [swarms, ofFiles] = await Promise.all([records.read(hashes), isOpen ? nothing : findStored(hashes)])
  return swarms.map((swarm, index) => ({ ...swarm, isAllowed: swarm.isAllowed || ofFiles.has(hashes[index] ?? '') }))
}

function countsOf(swarm: Swarm): SwarmCounts {
  return { seeds: swarm.seedCount, leechers: swarm.size - swarm.seedCount, downloaded: swarm.downloaded }
}
