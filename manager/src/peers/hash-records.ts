import { randomUUID } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { askDatabase, type Database } from '../mongo/database.ts'

/** Somebody who shares what a hash stands for, or did. */
interface HashPeer {
  readonly ip: string
  readonly port: number
  readonly at: Date
}

interface HashDocument {
  readonly _id: string
  /** The one that asked last stands last. */
  readonly peers: readonly HashPeer[]
  readonly usedAt: Date
}

/** A client tells of itself when it begins to share and never again, so it counts for long. */
const KEPT_DAYS = 30
const DAY_MS = 86_400_000
const MAX_PEERS = 200
const MAX_HASHES = 1_000_000

/** Keeps the hashes of the torrent tracker's document: uuids, each with the peers that asked for it. */
export class HashRecords {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async prepare(): Promise<void> {
    await this.#hashes.createIndex({ usedAt: 1 }, { expireAfterSeconds: (KEPT_DAYS * DAY_MS) / 1000, name: 'unused' })
  }

  /** @returns a hash that has this peer alone. @throws TOO_MANY_REQUESTS, DATABASE_UNAVAILABLE */
  async make(ip: string, port: number): Promise<string> {
    const count = await askDatabase(() => this.#hashes.estimatedDocumentCount())
    if (count >= MAX_HASHES) throw new StoreError('TOO_MANY_REQUESTS', 'the tracker has no room for further hashes')
    const now = new Date()
    const made: HashDocument = { _id: randomUUID(), peers: [{ ip, port, at: now }], usedAt: now }
    await askDatabase(() => this.#hashes.insertOne(made))
    return made._id
  }

  /** Makes a peer one of a hash. @returns all that were there before. @throws FILE_NOT_FOUND, DATABASE_UNAVAILABLE */
  async join(hash: string, ip: string, port: number): Promise<{ readonly ip: string; readonly port: number }[]> {
    const isOther = { $or: [{ $ne: ['$$peer.ip', ip] }, { $ne: ['$$peer.port', port] }] }
    const isFresh = { $gt: ['$$peer.at', { $subtract: ['$$NOW', KEPT_DAYS * DAY_MS] }] }
    const others = { $filter: { input: '$peers', as: 'peer', cond: { $and: [isOther, isFresh] } } }
    const change = [
      {
        $set: {
          peers: { $slice: [{ $concatArrays: [others, [{ ip, port, at: '$$NOW' }]] }, -MAX_PEERS] },
          usedAt: '$$NOW',
        },
      },
    ]
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
}
