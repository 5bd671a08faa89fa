import { randomBytes } from 'node:crypto'
import { isFileId } from '@holdfast/shared/ids'
import { type mongo, Types } from 'mongoose'
import type { AudioFields } from '../files/audio-fields.ts'
import type { FileModel, FileRecord } from '../files/file.model.ts'
import { ASK_DEADLINE_MS, askDatabase } from '../mongo/database.ts'
import {
  conditionsOf,
  listQuery,
  type SortKey,
  type TrackFilter,
  type TrackOrder,
  type TrackPlace,
  visibleTracks,
} from './track-query.ts'

/** A file that is known to be audio. */
export type Track = FileRecord & { readonly audio: AudioFields }

export interface TrackWish {
  readonly filter: TrackFilter
  readonly order: TrackOrder
  readonly after: TrackPlace | null
  readonly limit: number
  /** So many are left out first. To go on by place costs less. */
  readonly skip?: number
}

export interface TrackPage {
  /** One that is deleted meanwhile is missing, so there may be fewer than the limit though there are more behind them. */
  readonly tracks: readonly Track[]
  readonly hasMore: boolean
}

/** Tracks are chosen by chance among so many, which stand at a random place. */
const CHANCE_WINDOW = 2_000

/** A list has everything of a track but its chunks and its waveform, which are large. */
const projection = { chunks: 0, 'audio.peaks': 0 } as const
/** MongoDB itself gives up what nobody waits for any more. */
const bounded = { maxTimeMS: ASK_DEADLINE_MS } as const

/** Lists what audio files there are. */
export class TrackList {
  readonly #collection: mongo.Collection<FileRecord>

  constructor(model: FileModel) {
    this.#collection = model.collection as unknown as mongo.Collection<FileRecord>
  }

  /**
   * Lists the tracks that the filter lets through, without their chunks. An index tells which they are, and no documents but
   * theirs are read.
   */
  async list(wish: TrackWish): Promise<TrackPage> {
    const { filter, order, after, limit, skip = 0 } = wish
    const { query, ...options } = listQuery(filter, order, after)
    const ids = await this.#idsOf(query, { ...options, skip, limit: limit + 1 })
    const listed = ids.slice(0, limit)
    const found = await this.#find(listed)
    // All of them were deleted meanwhile, and a list goes on after its last track.
    if (found.size === 0 && listed.length > 0) return this.list(wish)
    return { tracks: listed.flatMap((id) => found.get(id.toHexString()) ?? []), hasMore: ids.length > limit }
  }

  /** @returns those of these tracks that are there, by their ids */
  async findAll(ids: readonly string[]): Promise<Map<string, Track>> {
    return this.#find(ids.filter(isFileId).map((id) => new Types.ObjectId(id)))
  }

  /** @returns so many tracks that the filter lets through, chosen by chance in the order of their hashes */
  async sample(filter: TrackFilter, count: number): Promise<Track[]> {
    const place = randomBytes(32).toString('hex')
    const within = async (bound: object, limit: number) => {
      const query = visibleTracks([...conditionsOf(filter), { sha256: bound }])
      return limit === 0 ? [] : this.#idsOf(query, { sort: { sha256: 1, _id: 1 }, limit })
    }
    const after = await within({ $gte: place }, CHANCE_WINDOW)
    const window = [...after, ...(await within({ $lt: place }, CHANCE_WINDOW - after.length))]
    return [...(await this.#find(choose(window, count))).values()]
  }

  async #idsOf(
    query: object,
    options: mongo.FindOptions & { readonly sort: mongo.Sort; readonly limit: number },
  ): Promise<Types.ObjectId[]> {
    const whole = { projection: { _id: 1 }, batchSize: options.limit, ...options, ...bounded }
    const find = () =>
      this.#collection.find<Pick<FileRecord, '_id'>>(query as mongo.Filter<FileRecord>, whole).toArray()
    return (await askDatabase(find)).map(({ _id }) => _id)
  }

  async #find(ids: readonly Types.ObjectId[]): Promise<Map<string, Track>> {
    if (ids.length === 0) return new Map()
    const query = visibleTracks([{ _id: { $in: ids } }]) as mongo.Filter<FileRecord>
    const whole = { projection, hint: '_id_', batchSize: ids.length, ...bounded }
    const found = await askDatabase(() => this.#collection.find<Track>(query, whole).toArray())
    return new Map(found.map((track) => [track._id.toHexString(), track]))
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

export function placeOfTrack(track: Track, { by }: TrackOrder): TrackPlace {
  const { keys } = track.audio
  const values: Readonly<Record<SortKey, TrackPlace['value']>> = {
    name: track.name,
    size: track.size,
    uploadedAt: track.createdAt,
    duration: keys.duration,
    bitrate: keys.bitRate,
    year: keys.year,
    title: keys.title,
    artist: keys.artist,
    album: keys.album,
  }
  return { value: values[by], id: track._id.toHexString() }
}
