import { StoreError } from '@holdfast/shared/errors/store-error'
import { isFileId } from '@holdfast/shared/ids'
import { parseJson } from '@holdfast/shared/parse-json'
import { z } from 'zod'
import type { Track } from '../../audio/track-list.ts'
import {
  placeOfTrack,
  type SortKey,
  sortKeys,
  type TrackFilter,
  type TrackOrder,
  type TrackPlace,
} from '../../audio/track-query.ts'

const MAX_PAGE = 1_000

/** An empty value would count as 0. */
const filled = z.string().min(1, 'must not be empty')
const number = filled.pipe(z.coerce.number<string>('must be a number').min(0)).meta({ type: 'number', minimum: 0 })
const text = z
  .string()
  .min(1)
  .max(200)
  .refine((written) => !/\p{Cc}/u.test(written), 'must have no control characters')
const date = z.union([z.iso.date(), z.iso.datetime({ offset: true })])
const dateText = 'A date (RFC 3339), such as 2026-11-29 or 2026-11-29T05:30:00Z'
const since = date.transform((written) => new Date(written)).describe(dateText)
/** A day without a time is meant to its end. */
const until = date
  .transform((written) => new Date(written.includes('T') ? written : `${written}T23:59:59.999Z`))
  .describe(dateText)
const sorts = sortKeys.flatMap((key) => [key, `-${key}` as const]) as [SortKey, ...(SortKey | `-${SortKey}`)[]]

/** A filter that is not known is refused, for a list without it would be another one. */
export const listQuery = z.strictObject({
  minduration: number.optional().describe('Seconds'),
  maxduration: number.optional().describe('Seconds; what has no known duration is not listed'),
  minsize: number.optional().describe('Bytes'),
  maxsize: number.optional(),
  minbitrate: number.optional().describe('Bits a second'),
  maxbitrate: number.optional(),
  samplerate: number.optional(),
  minsamplerate: number.optional(),
  maxsamplerate: number.optional(),
  channels: number.optional(),
  minchannels: number.optional(),
  maxchannels: number.optional(),
  year: number.optional(),
  minyear: number.optional(),
  maxyear: number.optional(),
  since: since.optional(),
  until: until.optional(),
  codec: text.optional().describe('Such as mp3, aac, flac, opus, vorbis or pcm'),
  container: text.optional().describe('Such as mp3, mp4, flac, ogg or wav'),
  lossless: z.stringbool().optional(),
  verdict: z.enum(['unknown', 'ok', 'damaged']).optional(),
  artist: text.optional().describe('The whole name, in any case'),
  album: text.optional(),
  genre: text.optional(),
  q: text.optional().describe('Beginnings of words of title, artists, album, genres and name; all of them'),
  sort: z.enum(sorts).default('name').describe('With a - before it, the other way round'),
  limit: filled
    .pipe(z.coerce.number<string>('must be a number').int().min(1).max(MAX_PAGE))
    .default(100)
    .meta({ type: 'integer', minimum: 1, maximum: MAX_PAGE }),
  cursor: z.string().max(2_000).optional().describe('`next` of the page before'),
  format: z.enum(['json', 'm3u', 'csv']).default('json'),
})

export type ListQuery = z.output<typeof listQuery>

export function filterOf(query: ListQuery): TrackFilter {
  return {
    duration: { min: query.minduration, max: query.maxduration },
    size: { min: query.minsize, max: query.maxsize },
    bitRate: { min: query.minbitrate, max: query.maxbitrate },
    sampleRate: spanOf(query.samplerate, query.minsamplerate, query.maxsamplerate),
    channels: spanOf(query.channels, query.minchannels, query.maxchannels),
    year: spanOf(query.year, query.minyear, query.maxyear),
    uploaded: { since: query.since, until: query.until },
    codec: query.codec?.toLowerCase(),
    container: query.container?.toLowerCase(),
    lossless: query.lossless,
    verdict: query.verdict,
    artist: query.artist,
    album: query.album,
    genre: query.genre,
    text: query.q,
  }
}

/** An exact value counts more than bounds. */
function spanOf(exact: number | undefined, min: number | undefined, max: number | undefined) {
  return exact === undefined ? { min, max } : { min: exact, max: exact }
}

export function orderOf({ sort }: Pick<ListQuery, 'sort'>): TrackOrder {
  const isDescending = sort.startsWith('-')
  return { by: (isDescending ? sort.slice(1) : sort) as SortKey, isDescending }
}

const dates: readonly SortKey[] = ['uploadedAt']
const numbers: readonly SortKey[] = ['size', 'duration', 'bitrate', 'year']
const written = z.tuple([z.string(), z.union([z.string(), z.number()]), z.string()])

/** A page ends with this track, and the next one begins after it. */
export function writeCursor(last: Track, order: TrackOrder): string {
  const { value, id } = placeOfTrack(last, order)
  return Buffer.from(JSON.stringify([sortOf(order), value instanceof Date ? value.getTime() : value, id])).toString(
    'base64url',
  )
}

/** @throws INVALID_REQUEST where it is none that a list of this order gave */
export function parseCursor(cursor: string | undefined, order: TrackOrder): TrackPlace | null {
  if (cursor === undefined) return null
  const parsed = written.safeParse(parseJson(Buffer.from(cursor, 'base64url').toString()))
  const [sort, value, id] = parsed.data ?? []
  const isNumber = dates.includes(order.by) || numbers.includes(order.by)
  if (sort !== sortOf(order) || value === undefined || !isFileId(id) || (typeof value === 'number') !== isNumber)
    throw new StoreError('INVALID_REQUEST', 'cursor: is none that a list of this order gave')
  return { id, value: dates.includes(order.by) ? new Date(value) : value }
}

function sortOf({ by, isDescending }: TrackOrder): string {
  return isDescending ? `-${by}` : by
}
