import { randomUUID } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { askDatabase, type Database } from '../../mongo/database.ts'
import { type Condition, type SearchPlan, termsOf } from './search-terms.ts'

/** What a user tells of a file. */
export interface TrackMetadata {
  readonly song: string
  readonly artist: string
  readonly album: string
  /** Seconds. */
  readonly duration: number | null
  /** Bytes. */
  readonly fileSize: number
  readonly year: number | null
  readonly checksum: string
}

/** One file of one user. */
export interface TrackDocument extends TrackMetadata {
  readonly _id: string
  readonly user: string
  /** Files of the same content are sources of each other. */
  readonly content: string
  readonly terms: readonly string[]
  /** Whether the user is active, as far as that was noted here. */
  readonly isOnline: boolean
}

/** A page of a search ends with this content, and the next one begins after it. */
export interface TrackPage {
  readonly tracks: readonly TrackDocument[]
  readonly next: string | null
}

const MAX_TRACKS_PER_USER = 10_000
const MAX_TRACKS = 20_000_000
/** A search that takes longer has words too common to be of use. */
const SEARCH_TIME_MS = 1_500
/** A page is filled by at most so many reads, for one content may be at thousands of users. */
const MAX_READS = 8

/** Keeps what users share. */
export class TrackRecords {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async prepare(): Promise<void> {
    await this.#tracks.createIndexes([
      { key: { user: 1, content: 1 }, unique: true, name: 'file_of_user' },
      { key: { content: 1, isOnline: 1 }, name: 'sources' },
      { key: { terms: 1, content: 1 }, name: 'terms' },
    ])
  }

  /** Writes what a user tells of a file. @returns its id, which stays. @throws TOO_MANY_REQUESTS, DATABASE_UNAVAILABLE */
  async publish(user: string, metadata: TrackMetadata, isOnline: boolean): Promise<string> {
    const { content, ...described } = describeTrack(metadata)
    const known = await askDatabase(() => this.#tracks.findOne({ user, content }, { projection: { _id: 1 } }))
    if (known === null) await this.#requireRoom(user)
    const fields = { ...described, isOnline }
    const write = () =>
      this.#tracks.findOneAndUpdate(
        { user, content },
        { $set: fields, $setOnInsert: { _id: randomUUID() } },
        { upsert: true, returnDocument: 'after', projection: { _id: 1 } },
      )
    // Of two that insert at once one is refused by the index, and finds the other's document then.
    const written = await askDatabase(() => write().catch(() => write()))
    if (written === null) throw new StoreError('DATABASE_UNAVAILABLE', 'the track was not written')
    return written._id
  }

  /** @returns the tracks of active users that fulfil a plan, one a content. @throws OVERLOADED, DATABASE_UNAVAILABLE */
  async search(plan: SearchPlan, { limit, after }: { limit: number; after: string | null }): Promise<TrackPage> {
    const found = new Map<string, TrackDocument>()
    const matching = { isOnline: true, $and: plan.map((anyOf) => ({ $or: anyOf.map(filterOf) })) }
    let last = after
    for (let reads = 0; reads < MAX_READS; reads++) {
      const beyond = last === null ? {} : { content: { $gt: last } }
      const batch = await this.#find({ ...matching, ...beyond }, limit + 1)
      for (const track of batch) {
        if (found.has(track.content)) continue
        if (found.size === limit) return { tracks: [...found.values()], next: last }
        found.set(track.content, track)
        last = track.content
      }
      if (batch.length <= limit) return { tracks: [...found.values()], next: null }
    }
    return { tracks: [...found.values()], next: last }
  }

  async find(id: string): Promise<TrackDocument | null> {
    return askDatabase(() => this.#tracks.findOne({ _id: id }))
  }

  /** @returns who has these contents and stood as online, by content */
  async findSources(contents: readonly string[], limit: number): Promise<Map<string, string[]>> {
    const isSource = { content: { $in: [...contents] }, isOnline: true }
    const options = { projection: { content: 1, user: 1 }, limit }
    const sources = await askDatabase(() => this.#tracks.find(isSource, options).toArray())
    const users = new Map<string, string[]>()
    for (const { content, user } of sources) users.set(content, [...(users.get(content) ?? []), user])
    return users
  }

  async idsOf(user: string): Promise<string[]> {
    const found = await askDatabase(() => this.#tracks.find({ user }, { projection: { _id: 1 } }).toArray())
    return found.map(({ _id }) => _id)
  }

  /** Removes files that the user has no longer. */
  async remove(user: string, ids: readonly string[]): Promise<void> {
    await askDatabase(() => this.#tracks.deleteMany({ _id: { $in: [...ids] }, user }))
  }

  async removeAll(user: string): Promise<void> {
    await this.#tracks.deleteMany({ user })
  }

  /** Marks all files of a user, which takes time where there are many. */
  async mark(user: string, isOnline: boolean): Promise<void> {
    await this.#tracks.updateMany({ user, isOnline: !isOnline }, { $set: { isOnline } })
  }

  async count(): Promise<number> {
    return this.#tracks.estimatedDocumentCount()
  }

  get #tracks() {
    return this.#database.connection.collection<TrackDocument>('peer_tracks')
  }

  async #find(filter: object, limit: number): Promise<TrackDocument[]> {
    const options = { limit, maxTimeMS: SEARCH_TIME_MS, sort: { content: 1 as const } }
    try {
      return await askDatabase(() => this.#tracks.find(filter, options).toArray())
    } catch (error) {
      if (isOutOfTime(error)) throw new StoreError('OVERLOADED', undefined, { cause: error })
      throw error
    }
  }

  async #requireRoom(user: string): Promise<void> {
    const [ofUser, ofAll] = await askDatabase(() =>
      Promise.all([
        this.#tracks.countDocuments({ user }, { limit: MAX_TRACKS_PER_USER }),
        this.#tracks.estimatedDocumentCount(),
      ]),
    )
    if (ofUser >= MAX_TRACKS_PER_USER)
      throw new StoreError('TOO_MANY_REQUESTS', `a user has at most ${MAX_TRACKS_PER_USER} files`)
    if (ofAll >= MAX_TRACKS) throw new StoreError('TOO_MANY_REQUESTS', 'the tracker has no room for further files')
  }
}

/** @returns what is kept of a file besides whose it is */
export function describeTrack(metadata: TrackMetadata): TrackMetadata & Pick<TrackDocument, 'content' | 'terms'> {
  return { ...metadata, content: contentOf(metadata), terms: termsOf(metadata) }
}

/** @returns what files of the same bytes have in common. Hexadecimal digits are compared without case. */
function contentOf({ checksum, fileSize }: TrackMetadata): string {
  const isHexadecimal = /^([a-z\d-]+:)?[\da-f]+$/i.test(checksum)
  return `${isHexadecimal ? checksum.toLowerCase() : checksum}/${fileSize}`
}

/** A word has only letters and digits, so it stands in a pattern as it is. */
function filterOf(condition: Condition): object {
  return { terms: 'exact' in condition ? condition.exact : new RegExp(`^${condition.beginning}`) }
}

const MAX_TIME_EXPIRED = 50

function isOutOfTime(error: unknown): boolean {
  const cause = error instanceof StoreError ? error.cause : error
  return typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === MAX_TIME_EXPIRED
}
