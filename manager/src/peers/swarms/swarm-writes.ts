import { setTimeout as delay } from 'node:timers/promises'
import { toStoreError } from '@holdfast/shared/errors/store-error'
import type { Logger } from '@holdfast/shared/node/logger'
import type { SwarmPeer } from './swarm.ts'
import type { PeerChange, SwarmChange, SwarmRecords } from './swarm-records.ts'

/** Changes are written together, after a moment. */
const WRITE_EVERY_MS = 100
const MAX_GROUP = 1_000
/** Further changes have to wait outside while the database does not take them, or are dropped. */
const MAX_CHANGES = 50_000

export interface SwarmWritesDeps {
  readonly records: Pick<SwarmRecords, 'writePeers' | 'writeSwarms'>
  readonly log: Logger
}

/** Keeps what has changed in swarms, and writes it to the database in groups a moment later. */
export class SwarmWrites {
  readonly #deps: SwarmWritesDeps
  readonly #peers = new Map<string, PeerChange>()
  readonly #swarms = new Map<string, SwarmChange>()
  readonly #stop = new AbortController()
  readonly #ended: Promise<void>

  constructor(deps: SwarmWritesDeps) {
    this.#deps = deps
    this.#ended = this.#repeat()
  }

  /** Writes what is still to be written. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#ended
    const { log } = this.#deps
    try {
      while (this.#peers.size + this.#swarms.size > 0) await this.#write()
    } catch (error) {
      const lost = { peers: this.#peers.size, swarms: this.#swarms.size }
      log.warn({ err: error, ...lost }, 'swarms not written, peers are back when they announce again')
    }
  }

  /** This many changes of peers are not written yet. */
  get peerCount(): number {
    return this.#peers.size
  }

  /** A further peer would not be written. */
  get isFull(): boolean {
    return this.#peers.size >= MAX_CHANGES
  }

  /** @returns whether something of a peer is not written yet */
  hasPeer(hash: string, key: string): boolean {
    return this.#peers.has(hash + key)
  }

  /** @param peer null where it has left */
  putPeer(hash: string, key: string, peer: SwarmPeer | null): void {
    const id = hash + key
    if (!this.isFull || this.#peers.has(id)) this.#peers.set(id, { hash, key, peer })
  }

  /** @returns how many have completed a swarm whom the database does not count yet */
  completedOf(hash: string): number {
    return this.#swarms.get(hash)?.completed ?? 0
  }

  /** @param completed so many more have all bytes */
  putSwarm(hash: string, keptUntil: number, completed: number): void {
    if (this.#swarms.size < MAX_CHANGES || this.#swarms.has(hash))
      this.#swarms.set(hash, { hash, completed: this.completedOf(hash) + completed, keptUntil })
  }

  async #write(): Promise<void> {
    const peers = firstOf(this.#peers)
    await this.#deps.records.writePeers(peers)
    // A change that came meanwhile is still to be written.
    for (const change of peers) {
      const id = change.hash + change.key
      if (this.#peers.get(id) === change) this.#peers.delete(id)
    }
    // A count that was written twice would be wrong, so one whose outcome is unknown is given up.
    const swarms = firstOf(this.#swarms)
    for (const { hash } of swarms) this.#swarms.delete(hash)
    await this.#deps.records.writeSwarms(swarms)
  }

  async #repeat(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      let isBehind = false
      try {
        await this.#write()
        isBehind = this.#peers.size >= MAX_GROUP
      } catch (thrown) {
        // What was not written is written by the next round; the database's own state is logged where it changes.
        this.#deps.log.debug({ err: toStoreError(thrown) }, 'swarms not written')
      }
      await delay(isBehind ? 1 : WRITE_EVERY_MS, undefined, { signal }).catch(() => undefined)
    }
  }
}

/** @returns the oldest ones */
function firstOf<T>(changes: ReadonlyMap<string, T>): T[] {
  const first: T[] = []
  for (const change of changes.values()) {
    if (first.length >= MAX_GROUP) break
    first.push(change)
  }
  return first
}
