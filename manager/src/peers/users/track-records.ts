import { randomUUID } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { askDatabase, type Database } from '../../mongo/database.ts'
import { type SearchPlan, termsOf } from './search-terms.ts'
import { joinContents, type TrackPage, TrackSearch } from './track-search.ts'

/** A user tells this of a file. */
export interface TrackMetadata {
  readonly song: string
  readonly artist: string
  readonly album: string
  /** The duration is in seconds. */
  readonly duration: number | null
  /** The size is in bytes. */
  readonly fileSize: number
  readonly year: number | null
  readonly checksum: string
}

/** A track is one file of one user. */
export interface TrackDocument extends TrackMetadata {
  readonly _id: string
  readonly user: string
  /** Files of the same content are sources of each other. */
  readonly content: string
  readonly terms: readonly string[]
  /** Tells whether the user is active, as far as that was noted here. */
  readonly isOnline: boolean
}

const MAX_TRACKS_PER_USER = 10_000
const MAX_TRACKS = 20_000_000
/** Sources of tracks are looked for no longer. */
const SOURCES_TIME_MS = 1_500

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
    return new TrackSearch(this.#database, plan).page(limit, after)
  }

  async find(id: string): Promise<TrackDocument | null> {
    return askDatabase(() => this.#tracks.findOne({ _id: id }))
  }

  /** @returns who has these contents and stood as online, so many of each, by content */
  async findSources(contents: readonly string[], limitEach: number): Promise<Map<string, string[]>> {
    const pipeline = [{ $match: { isOnline: true } }, { $limit: limitEach }, { $project: { _id: 0, user: 1 } }]
    const found = await askDatabase(() =>
      joinContents<Pick<TrackDocument, 'user'>>(this.#database, contents, pipeline, SOURCES_TIME_MS),
    )
    return new Map(found.map(({ content, joined }) => [content, joined.map(({ user }) => user)]))
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
