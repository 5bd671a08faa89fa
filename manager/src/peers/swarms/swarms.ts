import { setTimeout as delay } from 'node:timers/promises'
import { StoreError, toStoreError } from '@holdfast/shared/errors/store-error'
import type { Endpoint } from '@holdfast/shared/node/address'
import type { Logger } from '@holdfast/shared/node/logger'
import { GroupedWork, resultOf } from '../../mongo/grouped-work.ts'
import { keyOf, peerOf, Swarm, type SwarmPeer } from './swarm.ts'
import type { PeerChange, StoredSwarm, SwarmChange, SwarmRecords } from './swarm-records.ts'

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
  readonly log: Logger
  /** Whether every info-hash is tracked, or only those that were registered. */
  readonly isOpen: boolean
  /** Peers are told to announce so often. */
  readonly intervalMs: number
  /** Whether there are other managers, which peers may announce to. */
  readonly hasOthers: () => boolean
}

/** What is in memory is at most so much; what announced longest ago makes place, and stays in the database. */
const MAX_SWARMS = 50_000
const MAX_PEERS_IN_MEMORY = 400_000
/** The database takes no further swarms and peers beyond this. */
const MAX_PEERS_STORED = 4_000_000
/** Another manager may have heard of further peers, so a swarm is read again when it is asked for after this. */
const READ_AGAIN_MS = 2_000
/** The same where no other manager is known; one that has just come is soon. */
const READ_AGAIN_ALONE_MS = 60_000
/** That an info-hash is not tracked is remembered so long, for so many of them. */
const REFUSED_MS = 3_000
const MAX_REFUSED = 20_000
/** Changes are written together, after a moment. */
const WRITE_EVERY_MS = 100
const MAX_GROUP = 1_000
/** Further changes are dropped while the database does not take them; a peer that announces again is written then. */
const MAX_CHANGES = 50_000
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
  /** The one that was used last stands last. */
  readonly #swarms = new Map<string, Swarm>()
  #peerCount = 0
  readonly #reading = new Map<string, Promise<Swarm | null>>()
  readonly #refused = new Map<string, number>()
  readonly #reads: GroupedWork<string, StoredSwarm>
  #peerChanges = new Map<string, PeerChange>()
  #swarmChanges = new Map<string, SwarmChange>()
  #isFull = false
  readonly #stop = new AbortController()
  readonly #ended: Promise<unknown>

  constructor(deps: SwarmsDeps) {
    this.#deps = deps
    this.#reads = new GroupedWork((hashes) => deps.records.read(hashes))
    this.#ended = Promise.all([
      this.#repeat(WRITE_EVERY_MS, () => this.#write()),
      this.#repeat(SWEEP_EVERY_MS, () => this.#sweep()),
    ])
  }

  /** Writes what is still to be written. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#ended
    try {
      while (this.#peerChanges.size + this.#swarmChanges.size > 0) await this.#write()
    } catch (error) {
      this.#deps.log.warn({ err: error, ...this.sizes }, 'swarms not written, peers are back when they announce again')
    }
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

  get sizes(): { readonly swarms: number; readonly peers: number; readonly unwritten: number } {
    return { swarms: this.#swarms.size, peers: this.#peerCount, unwritten: this.#peerChanges.size }
  }

  /** Has an info-hash tracked also where not every one is. @throws DATABASE_UNAVAILABLE */
  async allow(infoHash: string): Promise<void> {
    await this.#deps.records.allow(infoHash, Date.now() + KEPT_MS)
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
      if (swarm.delete(key)) this.#change({ hash: infoHash, key, peer: null })
    } else {
      if (known === undefined && !swarm.hasRoomFor(endpoint.address))
        throw new StoreError('TOO_MANY_REQUESTS', 'this address has too many peers in the swarm')
      if (known === undefined && this.#isFull)
        throw new StoreError('TOO_MANY_REQUESTS', 'the tracker has no room for further peers')
      this.#put(swarm, wish, known, now)
    }
    this.#count(infoHash, swarm, sizeBefore)
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
    this.#count(infoHash, swarm, sizeBefore)
    return countsOf(swarm)
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
    const isPending = this.#peerChanges.has(infoHash + known?.key)
    // One that announces every few seconds is not written each time: the database may believe it to expire a little earlier.
    const isDue = known === undefined || expiresAt - known.storedUntil > intervalMs / 2
    const storedUntil = isNews || isDue || isPending ? expiresAt : known.storedUntil
    const fields = { peerId, isSeed, expiresAt, storedUntil }
    const peer = known === undefined ? peerOf(endpoint, fields) : { ...known, ...fields }
    swarm.put(peer)
    if (storedUntil === expiresAt) this.#change({ hash: infoHash, key: peer.key, peer })
  }

  /** @returns a swarm whose peers are known well enough */
  #fresh(infoHash: string): Swarm | undefined {
    const swarm = this.#swarms.get(infoHash)
    if (swarm === undefined || performance.now() - swarm.readAt > this.#readAgainMs) return undefined
    this.#swarms.delete(infoHash)
    this.#swarms.set(infoHash, swarm)
    return swarm
  }

  #read(infoHash: string): Promise<Swarm | null> {
    const refusedUntil = this.#refused.get(infoHash)
    if (refusedUntil !== undefined && refusedUntil > performance.now()) return Promise.resolve(null)
    const reading = this.#reading.get(infoHash) ?? this.#readAnew(infoHash)
    this.#reading.set(infoHash, reading)
    return reading
  }

  async #readAnew(infoHash: string): Promise<Swarm | null> {
    try {
      const stored = resultOf(await this.#reads.add(infoHash))
      if (this.#deps.isOpen || stored.isAllowed) return this.#merge(infoHash, stored)
      this.#forget(infoHash)
      this.#refused.delete(infoHash)
      this.#refused.set(infoHash, performance.now() + REFUSED_MS)
      const [oldest] = this.#refused.keys()
      if (oldest !== undefined && this.#refused.size > MAX_REFUSED) this.#refused.delete(oldest)
      return null
    } catch (error) {
      // While the database is away the tracker goes on with what it knows.
      const known = this.#swarms.get(infoHash)
      if (known === undefined) throw error
      known.readAt = performance.now()
      return known
    } finally {
      this.#reading.delete(infoHash)
    }
  }

  /** Takes over what the database has, except where this process knows better and has not yet written it. */
  #merge(infoHash: string, stored: StoredSwarm): Swarm {
    const swarm = this.#swarms.get(infoHash) ?? new Swarm()
    const sizeBefore = this.#swarms.has(infoHash) ? swarm.size : 0
    const storedKeys = new Set(stored.peers.map(({ key }) => key))
    // One that announced a moment ago may have been written after the database was read.
    const newSince = Date.now() - JUST_ANNOUNCED_MS + this.#lifeMs
    for (const { key, expiresAt } of swarm.peers())
      if (!storedKeys.has(key) && !this.#peerChanges.has(infoHash + key) && expiresAt < newSince) swarm.delete(key)
    for (const peer of stored.peers) {
      const known = swarm.get(peer.key)
      if (this.#peerChanges.has(infoHash + peer.key) || (known && known.expiresAt >= peer.expiresAt)) continue
      swarm.put(peer)
    }
    swarm.downloaded = stored.downloaded + (this.#swarmChanges.get(infoHash)?.completed ?? 0)
    swarm.keptUntil = stored.keptUntil
    swarm.readAt = performance.now()
    this.#swarms.delete(infoHash)
    this.#swarms.set(infoHash, swarm)
    this.#peerCount += swarm.size - sizeBefore
    this.#makeRoom()
    return swarm
  }

  #makeRoom(): void {
    for (const oldest of this.#swarms.keys()) {
      if (this.#swarms.size <= MAX_SWARMS && this.#peerCount <= MAX_PEERS_IN_MEMORY) return
      this.#forget(oldest)
    }
  }

  #forget(infoHash: string): void {
    this.#peerCount -= this.#swarms.get(infoHash)?.size ?? 0
    this.#swarms.delete(infoHash)
  }

  #count(infoHash: string, swarm: Swarm, sizeBefore: number): void {
    // It may have made room for others while it was waited for.
    if (this.#swarms.get(infoHash) === swarm) this.#peerCount += swarm.size - sizeBefore
  }

  #change(change: PeerChange): void {
    const id = change.hash + change.key
    if (this.#peerChanges.size < MAX_CHANGES || this.#peerChanges.has(id)) this.#peerChanges.set(id, change)
  }

  #noteSwarm(hash: string, swarm: Swarm, completed: number): void {
    swarm.downloaded += completed
    swarm.keptUntil = Date.now() + KEPT_MS
    const { completed: before = 0 } = this.#swarmChanges.get(hash) ?? {}
    if (this.#swarmChanges.size < MAX_CHANGES || this.#swarmChanges.has(hash))
      this.#swarmChanges.set(hash, { hash, completed: before + completed, keptUntil: swarm.keptUntil })
  }

  async #write(): Promise<void> {
    const peers = [...this.#peerChanges.values()].slice(0, MAX_GROUP)
    await this.#deps.records.writePeers(peers)
    // A change that came meanwhile is still to be written.
    for (const change of peers) {
      const id = change.hash + change.key
      if (this.#peerChanges.get(id) === change) this.#peerChanges.delete(id)
    }
    // A count that was written twice would be wrong, so one whose outcome is unknown is given up.
    const swarms = [...this.#swarmChanges.values()].slice(0, MAX_GROUP)
    for (const { hash } of swarms) this.#swarmChanges.delete(hash)
    await this.#deps.records.writeSwarms(swarms)
  }

  async #sweep(): Promise<void> {
    const now = Date.now()
    for (const [infoHash, swarm] of this.#swarms) {
      const sizeBefore = swarm.size
      swarm.expire(now)
      this.#count(infoHash, swarm, sizeBefore)
      if (swarm.size === 0) this.#forget(infoHash)
    }
    this.#isFull = (await this.#deps.records.countPeers()) >= MAX_PEERS_STORED
  }

  async #repeat(everyMs: number, work: () => Promise<void>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      let isBehind = false
      try {
        await work()
        isBehind = this.#peerChanges.size >= MAX_GROUP
      } catch (thrown) {
        // What was not written is written by the next round; the database's own state is logged where it changes.
        this.#deps.log.debug({ err: toStoreError(thrown) }, 'swarms not written')
      }
      await delay(isBehind ? 1 : everyMs, undefined, { signal: this.#stop.signal }).catch(() => undefined)
    }
  }
}

function countsOf(swarm: Swarm): SwarmCounts {
  return { seeds: swarm.seedCount, leechers: swarm.size - swarm.seedCount, downloaded: swarm.downloaded }
}
