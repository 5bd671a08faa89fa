import { RecentMap } from '@holdfast/shared/recent-map'
import { GroupedWork, resultOf } from '../../mongo/grouped-work.ts'
import { Swarm } from './swarm.ts'
import type { SwarmMemory } from './swarm-memory.ts'
import type { StoredSwarm, SwarmRecords } from './swarm-records.ts'
import type { SwarmWrites } from './swarm-writes.ts'

/** Another manager may have heard of further peers, so a swarm is read again when it is asked for after this. */
const READ_AGAIN_MS = 2_000
/** The time is this long where no other manager is known; one that has just come is known soon. */
const READ_AGAIN_ALONE_MS = 60_000
/** A swarm is taken for as large when it is read, so that a group has 32 and comes in time also where each has many peers. */
const SWARM_BYTES = 128 * 1024
/** That an info-hash is not tracked is remembered so long, for so many of them. */
const REFUSED_MS = 3_000
const REMEMBERED_REFUSALS = 10_000
const JUST_ANNOUNCED_SECONDS = 10

export interface SwarmReadsDeps {
  readonly records: Pick<SwarmRecords, 'read'>
  readonly memory: SwarmMemory
  readonly writes: SwarmWrites
  /** Tells whether every info-hash is tracked, or only those that were registered and those of stored files. */
  readonly isOpen: boolean
  /** Tells which of some info-hashes torrents of stored files have. */
  readonly findStored: (infoHashes: readonly string[]) => Promise<ReadonlySet<string>>
  /** A peer counts for so long after an announce. */
  readonly lifeSeconds: number
  /** Tells whether there are other managers, which peers may announce to. */
  readonly hasOthers: () => boolean
}

/** Reads swarms from the database, in groups, into the memory of this process. */
export class SwarmReads {
  readonly #deps: SwarmReadsDeps
  readonly #underWay = new Map<string, Promise<Swarm | null>>()
  readonly #refused = new RecentMap<string, number>(REMEMBERED_REFUSALS)
  readonly #groups: GroupedWork<string, StoredSwarm>

  constructor(deps: SwarmReadsDeps) {
    this.#deps = deps
    this.#groups = new GroupedWork(
      (hashes) => read(deps, hashes),
      () => SWARM_BYTES,
    )
  }

  /** Is told of an info-hash that is tracked from then on, for it may have been refused a moment ago. */
  noteTracked(infoHash: string): void {
    this.#refused.delete(infoHash)
  }

  /** @returns a swarm of which enough is in memory */
  fresh(infoHash: string): Swarm | undefined {
    const { memory, hasOthers } = this.#deps
    const swarm = memory.get(infoHash)
    if (swarm === undefined) return undefined
    if (performance.now() - swarm.readAt > (hasOthers() ? READ_AGAIN_MS : READ_AGAIN_ALONE_MS)) return undefined
    memory.put(infoHash, swarm, swarm.size)
    return swarm
  }

  /** @returns null where the info-hash is not tracked. @throws OVERLOADED, DATABASE_UNAVAILABLE */
  find(infoHash: string): Promise<Swarm | null> {
    const refusedUntil = this.#refused.get(infoHash)
    if (refusedUntil !== undefined && refusedUntil > performance.now()) return Promise.resolve(null)
    const known = this.#underWay.get(infoHash)
    if (known !== undefined) return known
    // The read may have failed already, so what removes it must come after this.
    const reading = this.#readAnew(infoHash).finally(() => this.#underWay.delete(infoHash))
    this.#underWay.set(infoHash, reading)
    return reading
  }

  async #readAnew(infoHash: string): Promise<Swarm | null> {
    const { memory, isOpen } = this.#deps
    try {
      const stored = resultOf(await this.#groups.add(infoHash))
      if (isOpen || stored.isAllowed) return this.#merge(infoHash, stored)
      memory.forget(infoHash)
      this.#refused.set(infoHash, performance.now() + REFUSED_MS)
      return null
    } catch (error) {
      // While the database is away the tracker goes on with what it knows.
      const known = memory.get(infoHash)
      if (known === undefined) throw error
      known.readAt = performance.now()
      return known
    }
  }

  /** Takes over what the database has, except where this process knows better and has not yet written it. */
  #merge(infoHash: string, stored: StoredSwarm): Swarm {
    const { memory, writes, lifeSeconds } = this.#deps
    const swarm = memory.get(infoHash) ?? new Swarm()
    const sizeBefore = swarm.size
    const storedKeys = new Set(stored.peers.map(({ key }) => key))
    // One that announced a moment ago may have been written after the database was read.
    const newSince = Date.now() / 1000 - JUST_ANNOUNCED_SECONDS + lifeSeconds
    for (const { key, expiresAt } of [...swarm.peers()])
      if (!storedKeys.has(key) && !writes.hasPeer(infoHash, key) && expiresAt < newSince) swarm.delete(key)
    for (const peer of stored.peers) {
      const known = swarm.get(peer.key)
      if (writes.hasPeer(infoHash, peer.key) || (known && known.expiresAt >= peer.expiresAt)) continue
      swarm.put(peer)
    }
    swarm.downloaded = stored.downloaded + writes.completedOf(infoHash)
    swarm.keptUntil = stored.keptUntil
    swarm.readAt = performance.now()
    memory.put(infoHash, swarm, sizeBefore)
    return swarm
  }
}

/** Reads what is known of info-hashes, of which those of stored files count as registered. */
async function read(
  { records, isOpen, findStored }: SwarmReadsDeps,
  hashes: readonly string[],
): Promise<StoredSwarm[]> {
  const nothing: ReadonlySet<string> = new Set()
  const [swarms, ofFiles] = await Promise.all([records.read(hashes), isOpen ? nothing : findStored(hashes)])
  return swarms.map((swarm, index) => ({ ...swarm, isAllowed: swarm.isAllowed || ofFiles.has(hashes[index] ?? '') }))
}
