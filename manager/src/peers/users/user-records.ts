import { randomUUID } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { Address } from '@holdfast/shared/node/address'
import { askDatabase, codeOf, type Database, DUPLICATE_KEY } from '../../mongo/database.ts'

/** A user is who answers at an address and port. Only the user is told its id. */
export interface UserDocument {
  readonly _id: string
  readonly ip: string
  readonly network: string
  readonly port: number
  /** It has checked in and answered heartbeats since. */
  readonly isActive: boolean
  /** Tells whether its tracks stand as online. It lags behind `isActive`, which is what counts. */
  readonly isShown: boolean
  /** This many heartbeats in a row have had no answer. */
  readonly unanswered: number
  /** The time goes by mongod's clock. */
  readonly nextBeatAt: Date
  readonly seenAt: Date
  /** Names the round of heartbeats that has taken this user. */
  readonly beat?: string
}

const MAX_USERS = 1_000_000
/** Each user of a network may be sent heartbeats, so this bounds what one network can have sent to it. */
const MAX_USERS_PER_NETWORK = 64

/** Whoever did not answer so many heartbeats in a row is inactive when the next one is due. */
export const MAX_UNANSWERED = 3

/** Keeps the users of the Napster tracker. */
export class UserRecords {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async prepare(): Promise<void> {
    await this.#users.createIndexes([
      { key: { ip: 1, port: 1 }, unique: true, name: 'address' },
      { key: { network: 1 }, name: 'of_network' },
      { key: { isActive: 1, nextBeatAt: 1 }, name: 'due' },
      { key: { isActive: 1, isShown: 1 }, name: 'shown' },
      { key: { isActive: 1, seenAt: 1 }, name: 'silent' },
    ])
  }

  /** @returns the user at this address, made where there is none. @throws TOO_MANY_REQUESTS, DATABASE_UNAVAILABLE */
  async require({ ip, network }: Address, port: number): Promise<UserDocument> {
    const found = await askDatabase(() => this.#users.findOne({ ip, port }))
    if (found !== null) return found
    await this.#requireRoom(network)
    const user: UserDocument = {
      ...{ _id: randomUUID(), ip, network, port, isActive: false, isShown: false },
      ...{ unanswered: 0, nextBeatAt: new Date(0), seenAt: new Date() },
    }
    try {
      await askDatabase(() => this.#users.insertOne(user))
      return user
    } catch (error) {
      if (codeOf(error) !== DUPLICATE_KEY) throw error
      const other = await askDatabase(() => this.#users.findOne({ ip, port }))
      if (other === null) throw error
      return other
    }
  }

  /** Makes a user active; its first heartbeat is due at once. @throws DATABASE_UNAVAILABLE */
  async activate(id: string): Promise<void> {
    const change = {
      $set: { isActive: true, unanswered: 0, nextBeatAt: new Date(0) },
      $currentDate: { seenAt: true as const },
    }
    await askDatabase(() => this.#users.updateOne({ _id: id }, change))
  }

  /**
   * Notes that the tracks of a user stand as online or offline. @returns whether that is what the user is, and not where the
   * user has become the other meanwhile
   */
  async noteShown(id: string, isShown: boolean): Promise<boolean> {
    return (await this.#users.updateOne({ _id: id, isActive: isShown }, { $set: { isShown } })).matchedCount === 1
  }

  async findActive(ids: readonly string[]): Promise<UserDocument[]> {
    return askDatabase(() => this.#users.find({ _id: { $in: [...ids] }, isActive: true }).toArray())
  }

  /** @returns users whose tracks stand otherwise than they should */
  async findMisshown(limit: number): Promise<UserDocument[]> {
    const misshown = [true, false].map((isActive) => ({ isActive, isShown: !isActive }))
    return this.#users.find({ $or: misshown }).limit(limit).toArray()
  }

  /** Takes users whose heartbeat is due, so that no other manager sends it. @returns them, with the count of this one in it */
  async takeDue(everyMs: number, limit: number): Promise<UserDocument[]> {
    const isDue = { isActive: true, $expr: { $lte: ['$nextBeatAt', '$$NOW'] }, unanswered: { $lt: MAX_UNANSWERED } }
    const due = await this.#users
      .find(isDue, { projection: { _id: 1 } })
      .limit(limit)
      .toArray()
    if (due.length === 0) return []
    const beat = randomUUID()
    await this.#users.updateMany({ _id: { $in: due.map(({ _id }) => _id) }, ...isDue }, [
      { $set: { beat, unanswered: { $add: ['$unanswered', 1] }, nextBeatAt: { $add: ['$$NOW', everyMs] } } },
    ])
    return this.#users.find({ _id: { $in: due.map(({ _id }) => _id) }, beat }).toArray()
  }

  /** Notes answers to heartbeats. One that comes after the user became inactive is too late. */
  async noteAnswers(ids: readonly string[]): Promise<void> {
    const change = { $set: { unanswered: 0 }, $currentDate: { seenAt: true as const } }
    await this.#users.updateMany({ _id: { $in: [...ids] }, isActive: true }, change)
  }

  /** Makes those inactive that have not answered. @returns how many */
  async endSilent(): Promise<number> {
    const isSilent = { isActive: true, $expr: { $lte: ['$nextBeatAt', '$$NOW'] }, unanswered: { $gte: MAX_UNANSWERED } }
    return (await this.#users.updateMany(isSilent, { $set: { isActive: false } })).modifiedCount
  }

  /** @returns inactive users that were not seen for so long */
  async findForgotten(olderThanMs: number, limit: number): Promise<UserDocument[]> {
    const isOld = { $expr: { $lt: ['$seenAt', { $subtract: ['$$NOW', olderThanMs] }] } }
    return this.#users
      .find({ isActive: false, ...isOld })
      .limit(limit)
      .toArray()
  }

  /** Removes a user that is still inactive. */
  async remove(id: string): Promise<void> {
    await this.#users.deleteOne({ _id: id, isActive: false })
  }

  async count(): Promise<number> {
    return this.#users.estimatedDocumentCount()
  }

  /** Counts entries of an index, and no more of them than can be sent heartbeats. */
  async countActive(): Promise<number> {
    return this.#users.countDocuments({ isActive: true })
  }

  get #users() {
    return this.#database.connection.collection<UserDocument>('peer_users')
  }

  async #requireRoom(network: string): Promise<void> {
    const [ofNetwork, ofAll] = await askDatabase(() =>
      Promise.all([
        this.#users.countDocuments({ network }, { limit: MAX_USERS_PER_NETWORK }),
        this.#users.estimatedDocumentCount(),
      ]),
    )
    if (ofNetwork >= MAX_USERS_PER_NETWORK)
      throw new StoreError('TOO_MANY_REQUESTS', `a network has at most ${MAX_USERS_PER_NETWORK} users`)
    if (ofAll >= MAX_USERS) throw new StoreError('TOO_MANY_REQUESTS', 'the tracker has no room for further users')
  }
}
