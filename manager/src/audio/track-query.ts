import { Types } from 'mongoose'
import { type AudioIndex, isLiveAudio } from '../files/audio-fields.ts'
import type { FileRecord } from '../files/file.model.ts'
import { KEY_BREAK } from './audio-fields-of.ts'
import { foldText, wordsOf } from './search-text.ts'

/** Bounds a number; both bounds are within. */
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

/** A list can be sorted by these: each has its field, what no value of that is less than, and the index in this order. */
const sorts = {
  name: { field: 'name', least: '', index: 'audio_order_name' },
  size: { field: 'size', least: 0, index: 'audio_order_size' },
  uploadedAt: { field: 'createdAt', least: new Date(0), index: 'audio_order_uploaded' },
  duration: { field: 'audio.keys.duration', least: -1, index: 'audio_order_duration' },
  bitrate: { field: 'audio.keys.bitRate', least: 0, index: 'audio_order_bit_rate' },
  year: { field: 'audio.keys.year', least: 0, index: 'audio_order_year' },
  title: { field: 'audio.keys.title', least: '', index: 'audio_order_title' },
  artist: { field: 'audio.keys.artist', least: '', index: 'audio_order_artist' },
  album: { field: 'audio.keys.album', least: '', index: 'audio_order_album' },
} as const satisfies Readonly<Record<string, { field: string; least: TrackPlace['value']; index: AudioIndex }>>

export type SortKey = keyof typeof sorts
export const sortKeys = Object.keys(sorts) as readonly SortKey[]

export interface TrackOrder {
  readonly by: SortKey
  readonly isDescending: boolean
}

/** A list goes on after the track that has this value of the sorted field, and this id. */
export interface TrackPlace {
  readonly value: string | number | Date
  readonly id: string
}

export const orderField = ({ by }: TrackOrder): string => sorts[by].field

/** @param track has at least its id and the sorted field */
export function placeOfTrack(track: Pick<FileRecord, '_id'>, order: TrackOrder): TrackPlace {
  const value = orderField(order)
    .split('.')
    .reduce<unknown>((found, name) => (found as Record<string, unknown>)[name], track)
  return { value: value as TrackPlace['value'], id: track._id.toHexString() }
}

/** @returns what MongoDB is asked for the tracks of a list, in its order */
export function listQuery(filter: TrackFilter, order: TrackOrder, after: TrackPlace | null) {
  const conditions = conditionsOf(filter)
  const hint = surelyBest(filter, conditions.length, order)
  const direction = order.isDescending ? (-1 as const) : (1 as const)
  return {
    query: visibleTracks([...conditions, ...bounds(order, after)]),
    sort: { [sorts[order.by].field]: direction, _id: direction },
    ...(hint !== null && { hint }),
  }
}

/** MongoDB tries every index that may do, and each of them as far into the list as the page is. */
function surelyBest({ genre }: TrackFilter, conditionCount: number, { by }: TrackOrder): AudioIndex | null {
  if (conditionCount === 0) return sorts[by].index
  return conditionCount === 1 && genre !== undefined && by === 'name' ? 'audio_with_genre' : null
}

/** Matches visible tracks. An expired file is absent, though its record is still to be ended. */
export function visibleTracks(conditions: readonly object[]): object {
  return { ...isLiveAudio, expiresAt: { $not: { $lte: new Date() } }, $and: conditions }
}

/**
 * Without a bound MongoDB would take the index for the order only, and judge by all documents. The first condition bounds the
 * index, and the second tells equal values apart.
 */
function bounds({ by, isDescending }: TrackOrder, after: TrackPlace | null): object[] {
  const { field, least } = sorts[by]
  if (after === null) return [{ [field]: { $gte: least } }]
  const { value, id } = after
  const [beyond, from] = isDescending ? ['$lt', '$lte'] : ['$gt', '$gte']
  // No two tracks have the same path, and a bound alone is what an index tells without the documents.
  if (by === 'name') return [{ [field]: { [beyond]: value } }]
  const isLater = { $or: [{ [field]: { [beyond]: value } }, { _id: { [beyond]: new Types.ObjectId(id) } }] }
  return [{ [field]: { [from]: value } }, isLater]
}

export function conditionsOf(filter: TrackFilter): object[] {
  const { uploaded, codec, container, lossless, verdict, artist, album, albumKey, genre, text } = filter
  return [
    ...within('audio.keys.duration', filter.duration, 0),
    ...within('size', filter.size),
    // Nothing is known where the key is 0, which no bound lets through.
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
    ...(text === undefined ? [] : beginnings(text)),
  ]
}

/** A text without a word is in no track. */
function beginnings(text: string): object[] {
  const words = wordsOf([text])
  return words.length === 0 ? [{ _id: { $in: [] } }] : words.map((word) => beginsWith('audio.keys.words', word))
}

function within(
  field: string,
  span: { readonly min?: number | Date | undefined; readonly max?: number | Date | undefined } | undefined,
  least?: number,
): object[] {
  const { min, max } = span ?? {}
  if (min === undefined && max === undefined) return []
  const from = min === undefined || Number(min) < (least ?? Number.NEGATIVE_INFINITY) ? least : min
  if (from !== undefined && from === max) return [{ [field]: { $eq: from } }]
  return [{ [field]: { ...(from !== undefined && { $gte: from }), ...(max !== undefined && { $lte: max }) } }]
}

function equal(field: string, value: string | boolean | undefined): object[] {
  return value === undefined ? [] : [{ [field]: { $eq: value } }]
}

/** A prefix is a range of the index. In an array one element has to be within it. */
export function beginsWith(field: string, prefix: string): object {
  return { [field]: { $regex: `^${prefix.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}` } }
}
