import { StoreError } from '@holdfast/shared/errors/store-error'
import type { mongo } from 'mongoose'
import { askDatabase } from '../../mongo/database.ts'

export type MarkKind = 'song' | 'album' | 'artist'

/** Tells what a user has done with a track, an album or an artist. */
export interface Mark {
  /** This is the id of what is marked. No two kinds have the same. */
  readonly _id: string
  readonly kind: MarkKind
  readonly starredAt?: Date
  readonly playCount: number
  readonly playedAt?: Date
  readonly touchedAt: Date
  /** An album that has no track any more keeps its mark, for it may come back, and is in no list. */
  readonly isGone?: true
}

export interface Marked {
  readonly id: string
  readonly kind: MarkKind
}

/** Tells when a track was played. */
export interface Play {
  readonly songId: string
  readonly albumId: string
  readonly at: Date
}

/** Marked things can be listed by these, the greatest first. An index has each order, also that of equal ones. */
const orders = {
  starredAt: { has: { starredAt: { $exists: true } }, sort: { starredAt: -1 }, hint: 'starred' },
  playCount: { has: { playCount: { $gt: 0 } }, sort: { playCount: -1, _id: 1 }, hint: 'plays' },
  playedAt: { has: { playedAt: { $exists: true } }, sort: { playedAt: -1 }, hint: 'played' },
} as const
export type MarkOrder = keyof typeof orders

const MAX_MARKS = 200_000
const BATCH = 1_000
/** This many plays of long ago are forgotten at once where there are too many. */
const FORGOTTEN_AT_ONCE = 2_000

/** Keeps stars and play counts. What is marked may be gone meanwhile: then nobody asks for its mark. */
export class Marks {
  readonly #collection: mongo.Collection<Mark>

  private constructor(collection: mongo.Collection<Mark>) {
    this.#collection = collection
  }

  static async open(db: mongo.Db): Promise<Marks> {
    const collection = db.collection<Mark>('audio_marks')
    await collection.createIndexes([
      { key: { kind: 1, starredAt: -1 }, name: 'starred', partialFilterExpression: { starredAt: { $exists: true } } },
      { key: { kind: 1, playCount: -1, _id: 1 }, name: 'plays' },
      { key: { kind: 1, playedAt: -1 }, name: 'played', partialFilterExpression: { playedAt: { $exists: true } } },
      { key: { touchedAt: 1 }, name: 'touched' },
    ])
    return new Marks(collection)
  }

  /** A star that is there already stays as old as it is. @throws TOO_MANY_REQUESTS where there is no room for more */
  async star(marked: readonly Marked[]): Promise<void> {
    if (marked.length === 0) return
    await this.#makeRoom()
    const now = new Date()
    await this.#updateAll(
      marked.map(({ id, kind }) => ({
        filter: { _id: id },
        update: [
          {
            $set: {
              kind,
              starredAt: { $ifNull: ['$starredAt', now] },
              playCount: { $ifNull: ['$playCount', 0] },
              touchedAt: now,
            },
          },
        ],
      })),
    )
  }

  async unstar(marked: readonly Marked[]): Promise<void> {
    const _id = { $in: marked.map(({ id }) => id) }
    await askDatabase(() => this.#collection.updateMany({ _id }, { $unset: { starredAt: 1 } }))
    await askDatabase(() => this.#collection.deleteMany({ _id, starredAt: { $exists: false }, playCount: 0 }))
  }

  /** Counts plays, of the tracks and of their albums. */
  async count(plays: readonly Play[]): Promise<void> {
    if (plays.length === 0) return
    await this.#makeRoom()
    const touchedAt = new Date()
    const countOne = (kind: MarkKind, id: string, at: Date) => ({
      filter: { _id: id },
      update: { $set: { kind, touchedAt }, $inc: { playCount: 1 }, $max: { playedAt: at } },
    })
    await this.#updateAll(
      plays.flatMap(({ songId, albumId, at }) => [countOne('song', songId, at), countOne('album', albumId, at)]),
    )
  }

  async of(ids: readonly string[]): Promise<Map<string, Mark>> {
    if (ids.length === 0) return new Map()
    const found = await askDatabase(() => this.#collection.find({ _id: { $in: [...ids] } }).toArray())
    return new Map(found.map((mark) => [mark._id, mark]))
  }

  /** Lists what is starred or was played, the greatest of what it is listed by first. */
  list(kind: MarkKind, by: MarkOrder, { count, offset }: { count: number; offset: number }): Promise<Mark[]> {
    if (count === 0) return Promise.resolve([])
    const { has, sort, hint } = orders[by]
    const query = this.#collection.find({ kind, isGone: { $exists: false }, ...has }, { sort, hint })
    return askDatabase(() => query.skip(offset).limit(count).toArray())
  }

  /** Notes which albums are gone, or have come back. @param there all that there are */
  async noteAlbums(there: ReadonlySet<string>): Promise<void> {
    const [gone, back]: [string[], string[]] = [[], []]
    for await (const { _id, isGone = false } of this.#collection.find({ kind: 'album' }, { projection: { isGone: 1 } }))
      if (isGone === there.has(_id)) (isGone ? back : gone).push(_id)
    await this.#updateEach(gone, { $set: { isGone: true } })
    await this.#updateEach(back, { $unset: { isGone: true } })
  }

  async #updateEach(ids: readonly string[], update: mongo.UpdateFilter<Mark>): Promise<void> {
    for (let start = 0; start < ids.length; start += BATCH)
      await this.#collection.updateMany({ _id: { $in: ids.slice(start, start + BATCH) } }, update)
  }

  async #updateAll(updates: readonly { filter: object; update: object }[]): Promise<void> {
    const operations = updates.map(({ filter, update }) => ({ updateOne: { filter, update, upsert: true } }))
    await askDatabase(() => this.#collection.bulkWrite(operations as unknown as mongo.AnyBulkWriteOperation<Mark>[]))
  }

  /** Forgets plays that were counted longest ago, but no stars. */
  async #makeRoom(): Promise<void> {
    if ((await askDatabase(() => this.#collection.estimatedDocumentCount())) < MAX_MARKS) return
    const oldest = await askDatabase(() =>
      this.#collection
        .find({ starredAt: { $exists: false } }, { projection: { _id: 1 } })
        .sort({ touchedAt: 1 })
        .limit(FORGOTTEN_AT_ONCE)
        .toArray(),
    )
    if (oldest.length === 0) throw new StoreError('TOO_MANY_REQUESTS', 'there is no room for further stars')
    await askDatabase(() => this.#collection.deleteMany({ _id: { $in: oldest.map(({ _id }) => _id) } }))
  }
}
