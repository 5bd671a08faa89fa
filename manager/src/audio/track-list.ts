import { isFileId } from '@holdfast/shared/ids'
import { type mongo, Types } from 'mongoose'
import { type AudioFields, liveAudio } from '../files/audio-fields.ts'
import type { FileModel, FileRecord } from '../files/file.model.ts'
import { askDatabase } from '../mongo/database.ts'
import { KEY_BREAK } from './audio-fields-of.ts'
import { foldText, wordsOf } from './search-text.ts'

/** A file that is known to be audio. */
export type Track = FileRecord & { readonly audio: AudioFields }

/** Bounds of a number, both of them within. */
export interface Span {
  readonly min?: number | undefined
  readonly max?: number | undefined
}

export interface TrackFilter {
  readonly duration?: Span
  readonly size?: Span
  readonly bitRate?: Span
  readonly year?: Span
  readonly sampleRate?: Span
  readonly channels?: Span
  readonly uploaded?: { readonly since?: Date | undefined; readonly until?: Date | undefined }
  readonly codec?: string | undefined
  readonly container?: string | undefined
  readonly lossless?: boolean | undefined
  readonly verdict?: string | undefined
  readonly artist?: string | undefined
  readonly album?: string | undefined
  readonly genre?: string | undefined
  /** Each of its words begins a word of the track's title, artists, album, genres or name. */
  readonly text?: string | undefined
  /** The key `album` begins with this. */
  readonly albumKey?: string | undefined
}

/** What a list can be sorted by, and the field that has it. */
const sortFields = {
  name: 'name',
  size: 'size',
  uploadedAt: 'createdAt',
  duration: 'audio.keys.duration',
  bitrate: 'audio.keys.bitRate',
  year: 'audio.keys.year',
  title: 'audio.keys.title',
  artist: 'audio.keys.artist',
  album: 'audio.keys.album',
} as const

/** To choose at random the database goes through all that the filter lets through. */
const SAMPLE_DEADLINE_MS = 5_000

export type SortKey = keyof typeof sortFields
export const sortKeys = Object.keys(sortFields) as readonly SortKey[]

export interface TrackOrder {
  readonly by: SortKey
  readonly isDescending: boolean
}

/** A list goes on after the track that has this value of the sorted field, and this id. */
export interface TrackPlace {
  readonly value: string | number | Date
  readonly id: string
}

export interface TrackWish {
  readonly filter: TrackFilter
  readonly order: TrackOrder
  readonly after: TrackPlace | null
  readonly limit: number
  /** So many are left out first. To go on by place costs less. */
  readonly skip?: number
}

/** A list has everything of a track but its chunks and its waveform, which are large. */
const projection = { chunks: 0, 'audio.peaks': 0 } as const
/** An expired file is absent, though its record is still to be ended. */
const isUnexpired = () => ({ $or: [{ expiresAt: null }, { expiresAt: { $gt: new Date() } }] })

/** Lists what audio files there are. */
export class TrackList {
  readonly #collection: mongo.Collection<FileRecord>

  constructor(model: FileModel) {
    this.#collection = model.collection as unknown as mongo.Collection<FileRecord>
  }

  /** @returns the tracks that the filter lets through, without their chunks */
  list({ filter, order, after, limit, skip = 0 }: TrackWish): Promise<Track[]> {
    const field = sortFields[order.by]
    const direction = order.isDescending ? -1 : 1
    const query = queryOf([...conditionsOf(filter), ...(after === null ? [] : [placeAfter(field, order, after)])])
    return askDatabase(() =>
      this.#collection
        .find<Track>(query, { projection })
        // A path is unique, so its index says all of the order.
        .sort(field === 'name' ? { name: direction } : { [field]: direction, _id: direction })
        .skip(skip)
        .limit(limit)
        .toArray(),
    )
  }

  /** @returns those of these tracks that are there, by their ids */
  async findAll(ids: readonly string[]): Promise<Map<string, Track>> {
    const known = ids.filter(isFileId).map((id) => new Types.ObjectId(id))
    if (known.length === 0) return new Map()
    const query = queryOf([{ _id: { $in: known } }])
    const found = await askDatabase(() => this.#collection.find<Track>(query, { projection }).toArray())
    return new Map(found.map((track) => [track._id.toHexString(), track]))
  }

  /** @returns so many tracks that the filter lets through, chosen at random */
  async sample(filter: TrackFilter, count: number): Promise<Track[]> {
    const pipeline = [{ $match: queryOf(conditionsOf(filter)) }, { $project: { _id: 1 } }, { $sample: { size: count } }]
    const chosen = await askDatabase(
      () => this.#collection.aggregate<Pick<Track, '_id'>>(pipeline).toArray(),
      SAMPLE_DEADLINE_MS,
    )
    return [...(await this.findAll(chosen.map(({ _id }) => _id.toHexString()))).values()]
  }
}

function queryOf(conditions: readonly object[]): mongo.Filter<FileRecord> {
  return { ...liveAudio, $and: [isUnexpired(), ...conditions] } as unknown as mongo.Filter<FileRecord>
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

function placeAfter(field: string, { isDescending }: TrackOrder, { value, id }: TrackPlace): object {
  const beyond = isDescending ? '$lt' : '$gt'
  return { $or: [{ [field]: { [beyond]: value } }, { [field]: value, _id: { [beyond]: new Types.ObjectId(id) } }] }
}

function conditionsOf(filter: TrackFilter): object[] {
  const { uploaded, codec, container, lossless, verdict, artist, album, albumKey, genre, text } = filter
  return [
    ...within('audio.keys.duration', filter.duration, 0),
    ...within('size', filter.size),
    // Nothing is known where the key is 0, and an upper bound alone must not let that through.
    ...within('audio.keys.bitRate', filter.bitRate, 1),
    ...within('audio.keys.year', filter.year, 1),
    ...within('audio.sampleRate', filter.sampleRate),
    ...within('audio.channels', filter.channels),
    ...within('createdAt', uploaded && { min: uploaded.since, max: uploaded.until }),
    ...equal('audio.codec', codec),
    ...equal('audio.container', container),
    ...equal('audio.lossless', lossless),
    ...equal('audio.verdict', verdict),
    ...equal('audio.keys.artists', artist && foldText(artist)),
    ...equal('audio.keys.genres', genre && foldText(genre)),
    ...(album === undefined ? [] : [beginsWith('audio.keys.album', foldText(album) + KEY_BREAK)]),
    ...(albumKey === undefined ? [] : [beginsWith('audio.keys.album', albumKey)]),
    ...(text === undefined ? [] : wordsOf([text]).map((word) => beginsWith('audio.keys.words', word))),
  ]
}

function within(
  field: string,
  span: { readonly min?: number | Date | undefined; readonly max?: number | Date | undefined } | undefined,
  least?: number,
): object[] {
  const { min, max } = span ?? {}
  if (min === undefined && max === undefined) return []
  if (min !== undefined && min === max) return [{ [field]: { $eq: min } }]
  const from = min ?? least
  return [{ [field]: { ...(from !== undefined && { $gte: from }), ...(max !== undefined && { $lte: max }) } }]
}

function equal(field: string, value: string | boolean | undefined): object[] {
  return value === undefined ? [] : [{ [field]: { $eq: value } }]
}

/** A prefix is a range of the index. In an array one element has to be within it. */
export function beginsWith(field: string, prefix: string): object {
  return { [field]: { $regex: `^${prefix.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}` } }
}
