import { randomUUID } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { Address } from '@holdfast/shared/node/address'
import { askDatabase, type Database } from '../mongo/database.ts'

/** A peer of a hash shares what it stands for, or did. */
interface HashPeer {
  readonly ip: string
  readonly network: string
  readonly port: number
  readonly at: Date
}

interface HashDocument {
  readonly _id: string
  /** Whoever registered it belongs to this one. */
  readonly network: string
  /** The one that asked last stands last. */
  readonly peers: readonly HashPeer[]
  readonly usedAt: Date
}

/** A client tells of itself when it begins to share and never again, so it counts for long. */
const KEPT_DAYS = 30
const DAY_MS = 86_400_000
const MAX_PEERS = 200
/** This many of them may be of one network, which could push out all others else. */
const MAX_PEERS_PER_NETWORK = 8
const MAX_HASHES = 1_000_000
/** This many of them may be of one network, so that no few can fill the tracker. */
const MAX_HASHES_PER_NETWORK = 5_000

/** Keeps the hashes of the torrent tracker's document: uuids, each with the peers that asked for it. */
export class HashRecords {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async prepare(): Promise<void> {
    await this.#hashes.createIndexes([
      { key: { usedAt: 1 }, expireAfterSeconds: (KEPT_DAYS * DAY_MS) / 1000, name: 'unused' },
      { key: { network: 1 }, name: 'of_network' },
    ])
  }

  /** @returns a hash that has this peer alone. @throws TOO_MANY_REQUESTS, DATABASE_UNAVAILABLE */
  async make(address: Address, port: number): Promise<string> {
    const { ip, network } = address
    await this.#requireRoom(address)
    const now = new Date()
    const made: HashDocument = { _id: randomUUID(), network, peers: [{ ip, network, port, at: now }], usedAt: now }
    await askDatabase(() => this.#hashes.insertOne(made))
    return made._id
  }

  /**
   * Makes a peer one of a hash. Of one network the peers that asked last stay; this machine itself may have any number.
   * @returns all that were there before. @throws FILE_NOT_FOUND, DATABASE_UNAVAILABLE
   */
  async join(
    hash: string,
    { ip, network, scope }: Address,
    port: number,
  ): Promise<{ readonly ip: string; readonly port: number }[]> {
    const isOther = { $or: [{ $ne: ['$$peer.ip', ip] }, { $ne: ['$$peer.port', port] }] }
    const isFresh = { $gt: ['$$peer.at', { $subtract: ['$$NOW', KEPT_DAYS * DAY_MS] }] }
    const others = { $filter: { input: '$peers', as: 'peer', cond: { $and: [isOther, isFresh] } } }
    const most = scope === 'loopback' ? MAX_PEERS : MAX_PEERS_PER_NETWORK
    const joined = { ip, network, port, at: '$$NOW' }
    const peers = { $concatArrays: [boundedIn(others, { ip, network }, most - 1), [joined]] }
    const change = [{ $set: { peers: { $slice: [peers, -MAX_PEERS] }, usedAt: '$$NOW' } }]
    const before = await askDatabase(() =>
      this.#hashes.findOneAndUpdate({ _id: hash }, change, { returnDocument: 'before' }),
    )
    if (before === null) throw new StoreError('FILE_NOT_FOUND', 'the tracker does not know this hash')
    const oldest = Date.now() - KEPT_DAYS * DAY_MS
    return before.peers.filter(({ at }) => at.getTime() > oldest)
  }

  async count(): Promise<number> {
    return this.#hashes.estimatedDocumentCount()
  }

  get #hashes() {
    return this.#database.connection.collection<HashDocument>('peer_hashes')
  }

  async #requireRoom({ network, scope }: Address): Promise<void> {
    const [ofNetwork, ofAll] = await askDatabase(() =>
      Promise.all([
        scope === 'loopback' ? 0 : this.#hashes.countDocuments({ network }, { limit: MAX_HASHES_PER_NETWORK }),
        this.#hashes.estimatedDocumentCount(),
      ]),
    )
    if (ofNetwork >= MAX_HASHES_PER_NETWORK)
      throw new StoreError('TOO_MANY_REQUESTS', `a network has at most ${MAX_HASHES_PER_NETWORK} hashes`)
    if (ofAll >= MAX_HASHES) throw new StoreError('TOO_MANY_REQUESTS', 'the tracker has no room for further hashes')
  }
}

/**
 * @param peers makes a list of peers, whose order stays
 * @param most of this network so many stay, the last ones
 * @returns an expression of MongoDB
 */
function boundedIn(peers: object, { ip, network }: Pick<HashPeer, 'ip' | 'network'>, most: number): object {
  // Peers of former versions have no network.
  const isOfNetwork = { $or: [{ $eq: ['$$peer.network', network] }, { $eq: ['$$peer.ip', ip] }] }
  const ofNetwork = { $filter: { input: '$$peers', as: 'peer', cond: isOfNetwork } }
  const stays = { $or: [{ $not: [isOfNetwork] }, { $in: ['$$peer', { $slice: ['$$ofNetwork', -most] }] }] }
  const kept = { $filter: { input: '$$peers', as: 'peer', cond: stays } }
  return { $let: { vars: { peers }, in: { $let: { vars: { ofNetwork }, in: kept } } } }
}
