import { randomBytes } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { isFileId } from '@holdfast/shared/ids'
import { type mongo, Types } from 'mongoose'
import type { AudioFields } from '../files/audio-fields.ts'
import type { FileModel, FileRecord } from '../files/file.model.ts'
import { ASK_DEADLINE_MS, askDatabase } from '../mongo/database.ts'
import { type Reached, ReachedPlaces } from './reached-places.ts'
import {
  conditionsOf,
  listQuery,
  orderField,
  placeOfTrack,
  type TrackFilter,
  type TrackOrder,
  type TrackPlace,
  visibleTracks,
} from './track-query.ts'

/** A track is a file that is known to be audio. */
export type Track = FileRecord & { readonly audio: AudioFields }

export interface TrackWish {
  readonly filter: TrackFilter
  readonly order: TrackOrder
  /** The list goes on after this track, or after so many. */
  readonly after: TrackPlace | number | null
  readonly limit: number
}

interface PlacedWish extends Pick<TrackWish, 'filter' | 'order' | 'limit'> {
  readonly place: TrackPlace | null
}

export interface TrackPage {
  /** One that is deleted meanwhile is missing, so there may be fewer than the limit though there are more behind them. */
  readonly tracks: readonly Track[]
  readonly hasMore: boolean
}

/** Whoever jumps into a list leaves a place each time that this many tracks have been passed over. */
const STRIDE = 10_000
/** All tracks of a page may be deleted while it is read. */
const LIST_ATTEMPTS = 5
/** Tracks are chosen by chance among so many, which stand at a random place. */
const CHANCE_WINDOW = 1_000

/** A list has everything of a track but what is large, or is there only to find it, or says nothing of what is heard. */
const projection = {
  state: 0,
  addressedBy: 0,
  storageClass: 0,
  owner: 0,
  partKey: 0,
  torrentHashes: 0,
  chunks: 0,
  'audio.peaks': 0,
  'audio.keys.words': 0,
  'audio.keys.artists': 0,
  'audio.keys.genres': 0,
} as const
type Selection = mongo.FindOptions & { readonly sort: mongo.Sort; readonly limit: number }

/** MongoDB itself gives up what nobody waits for any more. */
const bounded = { maxTimeMS: ASK_DEADLINE_MS } as const

/** Lists what audio files there are. */
export class TrackList {
  readonly #collection: mongo.Collection<FileRecord>
  readonly #stride: number
  readonly #reached = new ReachedPlaces()

  constructor(model: FileModel, stride = STRIDE) {
    this.#stride = stride
    this.#collection = model.collection as unknown as mongo.Collection<FileRecord>
  }

  /**
   * Lists the tracks that the filter lets through, as far as `projection` has them. An index tells which they are, and no
   * documents but theirs are read. @throws OVERLOADED where tracks are deleted as fast as they are listed
   */
  async list({ filter, order, after, limit }: TrackWish): Promise<TrackPage> {
    if (typeof after !== 'number') return this.#listAfter({ filter, order, limit, place: after })
    const reached = await this.#reach(filter, order, after)
    if (reached === null) return { tracks: [], hasMore: false }
    const page = await this.#listAfter({ filter, order, limit, place: reached.place })
    const last = page.tracks.at(-1)
    if (last !== undefined && page.hasMore)
      this.#reached.remember(filter, order, { ...reached, count: after + limit, place: placeOfTrack(last, order) })
    return page
  }

  /** Passes over that many tracks of a list. @returns null where it has fewer */
  async #reach(filter: TrackFilter, order: TrackOrder, count: number): Promise<Reached | null> {
    let reached = this.#reached.find(filter, order, count)
    while (reached.count < count) {
      const { query, ...options } = listQuery(filter, order, reached.place)
      // Without an index that has the order, each stride would sort all tracks anew.
      const next = options.hint === undefined ? count : Math.min(count, reached.count + this.#stride)
      const projection = { _id: 1, [orderField(order)]: 1 }
      const skip = next - reached.count - 1
      const [track] = await this.#select(query, { ...options, projection, skip, limit: 1 })
      if (track === undefined) return null
      reached = { ...reached, count: next, place: placeOfTrack(track, order) }
      this.#reached.remember(filter, order, reached)
    }
    return reached
  }

  async #listAfter({ filter, order, limit, place }: PlacedWish): Promise<TrackPage> {
    const { query, ...options } = listQuery(filter, order, place)
    // No index is tried out, so that only documents of the page are read, and they come at once.
    if (options.hint !== undefined) {
      const tracks = await this.#read(query, { ...options, limit: limit + 1 })
      return { tracks: tracks.slice(0, limit), hasMore: tracks.length > limit }
    }
    for (let attempt = 0; attempt < LIST_ATTEMPTS; attempt++) {
      const ids = await this.#idsOf(query, { ...options, limit: limit + 1 })
      const listed = ids.slice(0, limit)
      const found = await this.#find(listed)
      // A list goes on after its last track, so it needs one.
      if (found.size > 0 || listed.length === 0)
        return { tracks: listed.flatMap((id) => found.get(id.toHexString()) ?? []), hasMore: ids.length > limit }
    }
    throw new StoreError('OVERLOADED', 'tracks are deleted as fast as they are listed')
  }

  /** @returns those of these tracks that are there, by their ids */
  async findAll(ids: readonly string[]): Promise<Map<string, Track>> {
    return this.#find(ids.filter(isFileId).map((id) => new Types.ObjectId(id)))
  }

  /** @returns so many tracks that the filter lets through, by chance and in an order by chance, out of a window of their hashes */
  async sample(filter: TrackFilter, count: number): Promise<Track[]> {
    const place = randomBytes(32).toString('hex')
    const within = async (bound: object, limit: number) => {
      const query = visibleTracks([...conditionsOf(filter), { sha256: bound }])
      return limit === 0 ? [] : this.#idsOf(query, { sort: { sha256: 1, _id: 1 }, limit })
    }
    const after = await within({ $gte: place }, CHANCE_WINDOW)
    const window = [...after, ...(await within({ $lt: place }, CHANCE_WINDOW - after.length))]
    const chosen = choose(window, count)
    const found = await this.#find(chosen)
    return chosen.flatMap((id) => found.get(id.toHexString()) ?? [])
  }

  async #idsOf(query: object, options: Selection): Promise<Types.ObjectId[]> {
    return (await this.#select(query, { ...options, projection: { _id: 1 } })).map(({ _id }) => _id)
  }

  #select(query: object, options: Selection): Promise<Pick<FileRecord, '_id'>[]> {
    const whole = { batchSize: options.limit, ...options, ...bounded }
    return askDatabase(() => this.#collection.find(query as mongo.Filter<FileRecord>, whole).toArray())
  }

  async #find(ids: readonly Types.ObjectId[]): Promise<Map<string, Track>> {
    if (ids.length === 0) return new Map()
    const found = await this.#read(visibleTracks([{ _id: { $in: ids } }]), { hint: '_id_', limit: ids.length })
    return new Map(found.map((track) => [track._id.toHexString(), track]))
  }

  #read(query: object, options: mongo.FindOptions & { readonly limit: number }): Promise<Track[]> {
    const whole = { projection, batchSize: options.limit, ...options, ...bounded }
    return askDatabase(() => this.#collection.find<Track>(query as mongo.Filter<FileRecord>, whole).toArray())
  }
}

/** @returns so many of these by chance, in an order by chance */
function choose<T>(all: readonly T[], count: number): T[] {
  const left = [...all]
  return Array.from({ length: Math.min(count, all.length) }, () => {
    const [chosen] = left.splice(Math.floor(Math.random() * left.length), 1)
    return chosen as T
  })
}
