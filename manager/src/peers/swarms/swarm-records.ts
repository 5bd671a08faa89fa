import { StoreError } from '@holdfast/shared/errors/store-error'
import { endpointOf } from '@holdfast/shared/node/address'
import { mongo } from 'mongoose'
import { askDatabase, type Database } from '../../mongo/database.ts'
import { MAX_PEERS, peerOf, type SwarmPeer } from './swarm.ts'

interface PeerDocument {
  /** It joins the info-hash and the peer's key in hexadecimal. */
  readonly _id: string
  readonly hash: string
  readonly peerId: mongo.Binary
  readonly isSeed: boolean
  readonly expiresAt: Date
}

/** Says what is known of a swarm besides its peers. */
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

/** Says what is to be written of one peer, which is null where it has left. */
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
/** Few swarms have many peers. A group that has so many in all is read anew, each swarm by itself. */
const MANY_PEERS = 5_000
/**
 * This many swarms have a document. Half of them are for those that were registered, so that peers who complete bytes that nobody
 * registered, on an open tracker, do not take the place of those.
 */
const BOUNDS = { registered: 1_000_000, others: 500_000 }
/** A group of writes that takes longer has failed. */
const WRITE_DEADLINE_MS = 10_000

/** Keeps swarms in MongoDB, so that every manager knows them, also after a restart. */
export class SwarmRecords {
  readonly #database: Database
  readonly #bounds: typeof BOUNDS

  constructor(database: Database, bounds = BOUNDS) {
    this.#database = database
    this.#bounds = bounds
  }

  async prepare(): Promise<void> {
    await this.#peers.createIndexes([
      { key: { hash: 1, expiresAt: -1 }, name: 'of_swarm' },
      { key: { expiresAt: 1 }, expireAfterSeconds: 0, name: 'expired' },
    ])
    await this.#swarms.createIndex({ keptUntil: 1 }, { expireAfterSeconds: 0, name: 'unused' })
  }

  /** @returns what is known of these info-hashes, in their order, each with as many peers as a swarm can have */
  async read(hashes: readonly string[]): Promise<StoredSwarm[]> {
    const [swarms, peers] = await Promise.all([
      this.#swarms.find({ _id: { $in: [...hashes] } }).toArray(),
      this.#readPeers(hashes),
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
        // The newest of them, and the oldest of these first, as a swarm has them.
        peers: (ofHash.get(hash) ?? []).slice(0, MAX_PEERS).reverse(),
      }
    })
  }

  /** Writes a group of changes. Each can be written twice. @throws DATABASE_UNAVAILABLE */
  async writePeers(changes: readonly PeerChange[]): Promise<void> {
    if (changes.length === 0) return
    const writes = changes.map(({ hash, key, peer }) => {
      const filter = { _id: hash + Buffer.from(key, 'latin1').toString('hex') }
      if (peer === null) return { deleteOne: { filter } }
      const { isSeed } = peer
      const peerId = new mongo.Binary(Buffer.from(peer.peerId, 'latin1'))
      const fields = { hash, peerId, isSeed, expiresAt: new Date(peer.expiresAt * 1000) }
      return { updateOne: { filter, update: { $set: fields }, upsert: true } }
    })
    await askDatabase(() => this.#peers.bulkWrite(writes, { ordered: false }), WRITE_DEADLINE_MS)
  }

  /** Writes what is known of swarms, and drops it where it is of new ones for which there is no room. @throws DATABASE_UNAVAILABLE */
  async writeSwarms(changes: readonly SwarmChange[]): Promise<void> {
    if (changes.length === 0) return
    const upsert = (await askDatabase(() => this.#swarms.estimatedDocumentCount())) < this.#bounds.others
    const writes = changes.map(({ hash, completed, keptUntil }) => {
      const update = { $max: { keptUntil: new Date(keptUntil) }, $inc: { downloaded: completed } }
      return { updateOne: { filter: { _id: hash }, update, upsert } }
    })
    await askDatabase(() => this.#swarms.bulkWrite(writes, { ordered: false }), WRITE_DEADLINE_MS)
  }

  /** Has an info-hash tracked also where not every one is. @throws TOO_MANY_REQUESTS, DATABASE_UNAVAILABLE */
  async allow(hash: string, keptUntil: number): Promise<void> {
    const change = { $set: { isAllowed: true }, $max: { keptUntil: new Date(keptUntil) } }
    const { matchedCount } = await askDatabase(() => this.#swarms.updateOne({ _id: hash }, change))
    if (matchedCount > 0) return
    if ((await askDatabase(() => this.#swarms.estimatedDocumentCount())) >= this.#bounds.registered)
      throw new StoreError('TOO_MANY_REQUESTS', 'the tracker has no room for further info-hashes')
    await askDatabase(() => this.#swarms.updateOne({ _id: hash }, change, { upsert: true }))
  }

  async countPeers(): Promise<number> {
    return this.#peers.estimatedDocumentCount()
  }

  /** @returns the peers of all of them, those that announced last first */
  async #readPeers(hashes: readonly string[]): Promise<PeerDocument[]> {
    const fresh = { hash: { $in: [...hashes] }, expiresAt: { $gt: new Date() } }
    const found = await this.#peers.find(fresh).sort({ expiresAt: -1 }).limit(MANY_PEERS).toArray()
    return found.length < MANY_PEERS ? found : this.#readEach(hashes)
  }

  /** Reads each swarm up to its own bound, so that none is cut because others have many peers. */
  async #readEach(hashes: readonly string[]): Promise<PeerDocument[]> {
    const pipeline = [
      { $match: { expiresAt: { $gt: new Date() } } },
      { $sort: { expiresAt: -1 } },
      { $limit: MAX_PEERS },
    ]
    const join = { from: this.#peers.collectionName, localField: 'hash', foreignField: 'hash', pipeline, as: 'peers' }
    const stages = [{ $documents: hashes.map((hash) => ({ hash })) }, { $lookup: join }]
    const found = await this.#database.connection.db?.aggregate(stages).toArray()
    return ((found ?? []) as { peers: PeerDocument[] }[]).flatMap(({ peers }) => peers)
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
  const until = Math.floor(expiresAt.getTime() / 1000)
  const id = Buffer.from(peerId.buffer).toString('latin1')
  return peerOf(endpoint, { peerId: id, isSeed, expiresAt: until, storedUntil: until })
}
