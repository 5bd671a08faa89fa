import { endpointOf } from '@holdfast/shared/node/address'
import { mongo } from 'mongoose'
import { askDatabase, type Database } from '../../mongo/database.ts'
import { peerOf, type SwarmPeer } from './swarm.ts'

interface PeerDocument {
  /** The info-hash, and the peer's key. */
  readonly _id: string
  readonly hash: string
  readonly peerId: mongo.Binary
  readonly isSeed: boolean
  readonly expiresAt: Date
}

/** What is known of a swarm besides its peers. */
interface SwarmDocument {
  readonly _id: string
  /** Somebody has asked for it to be tracked. */
  readonly isAllowed?: boolean
  readonly downloaded?: number
  readonly keptUntil: Date
}

export interface StoredSwarm {
  readonly isAllowed: boolean
  readonly downloaded: number
  readonly keptUntil: number
  readonly peers: readonly SwarmPeer[]
}

/** What is to be written of one peer; null where it has left. */
export interface PeerChange {
  readonly hash: string
  readonly key: string
  readonly peer: SwarmPeer | null
}

export interface SwarmChange {
  readonly hash: string
  readonly completed: number
  readonly keptUntil: number
}

const HASH_DIGITS = 40
/** A group of swarms that is read at once comes with at most so many peers, those that announced last. */
const MAX_READ = 20_000
/** A group of writes that takes longer has failed. */
const WRITE_DEADLINE_MS = 10_000

/** Keeps swarms in MongoDB, so that every manager knows them, also after a restart. */
export class SwarmRecords {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async prepare(): Promise<void> {
    await this.#peers.createIndexes([
      { key: { hash: 1, expiresAt: -1 }, name: 'of_swarm' },
      { key: { expiresAt: 1 }, expireAfterSeconds: 0, name: 'expired' },
    ])
    await this.#swarms.createIndex({ keptUntil: 1 }, { expireAfterSeconds: 0, name: 'unused' })
  }

  /** @returns what is known of these info-hashes, in their order */
  async read(hashes: readonly string[]): Promise<StoredSwarm[]> {
    const fresh = { hash: { $in: [...hashes] }, expiresAt: { $gt: new Date() } }
    const [swarms, peers] = await Promise.all([
      this.#swarms.find({ _id: { $in: [...hashes] } }).toArray(),
      this.#peers.find(fresh).sort({ expiresAt: -1 }).limit(MAX_READ).toArray(),
    ])
    const byHash = new Map(swarms.map((swarm) => [swarm._id, swarm]))
    const ofHash = new Map<string, SwarmPeer[]>(hashes.map((hash) => [hash, []]))
    for (const document of peers) {
      const peer = readPeer(document)
      if (peer !== null) ofHash.get(document.hash)?.push(peer)
    }
    return hashes.map((hash) => {
      const swarm = byHash.get(hash)
      return {
        isAllowed: swarm?.isAllowed === true,
        downloaded: swarm?.downloaded ?? 0,
        keptUntil: swarm?.keptUntil.getTime() ?? 0,
        // The oldest first, as a swarm has them.
        peers: (ofHash.get(hash) ?? []).reverse(),
      }
    })
  }

  /** Writes a group of changes. Each can be written twice. @throws DATABASE_UNAVAILABLE */
  async writePeers(changes: readonly PeerChange[]): Promise<void> {
    if (changes.length === 0) return
    const writes = changes.map(({ hash, key, peer }) => {
      const filter = { _id: hash + key }
      if (peer === null) return { deleteOne: { filter } }
      const { peerId, isSeed, expiresAt } = peer
      const fields = { hash, peerId: new mongo.Binary(peerId), isSeed, expiresAt: new Date(expiresAt) }
      return { updateOne: { filter, update: { $set: fields }, upsert: true } }
    })
    await askDatabase(() => this.#peers.bulkWrite(writes, { ordered: false }), WRITE_DEADLINE_MS)
  }

  /** @throws DATABASE_UNAVAILABLE */
  async writeSwarms(changes: readonly SwarmChange[]): Promise<void> {
    if (changes.length === 0) return
    const writes = changes.map(({ hash, completed, keptUntil }) => {
      const update = { $max: { keptUntil: new Date(keptUntil) }, $inc: { downloaded: completed } }
      return { updateOne: { filter: { _id: hash }, update, upsert: true } }
    })
    await askDatabase(() => this.#swarms.bulkWrite(writes, { ordered: false }), WRITE_DEADLINE_MS)
  }

  /** Has an info-hash tracked also where not every one is. @throws DATABASE_UNAVAILABLE */
  async allow(hash: string, keptUntil: number): Promise<void> {
    const change = { $set: { isAllowed: true }, $max: { keptUntil: new Date(keptUntil) } }
    await askDatabase(() => this.#swarms.updateOne({ _id: hash }, change, { upsert: true }))
  }

  async countPeers(): Promise<number> {
    return this.#peers.estimatedDocumentCount()
  }

  get #peers() {
    return this.#database.connection.collection<PeerDocument>('swarm_peers')
  }

  get #swarms() {
    return this.#database.connection.collection<SwarmDocument>('swarms')
  }
}

function readPeer({ _id, peerId, isSeed, expiresAt }: PeerDocument): SwarmPeer | null {
  const endpoint = endpointOf(Buffer.from(_id.slice(HASH_DIGITS), 'hex'))
  if (endpoint === null) return null
  const until = expiresAt.getTime()
  return peerOf(endpoint, { peerId: Buffer.from(peerId.buffer), isSeed, expiresAt: until, storedUntil: until })
}
