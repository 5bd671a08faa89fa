import type { Schema } from 'mongoose'

/** What is known of an audio file. What it does not tell itself is null. */
export interface AudioFields {
  readonly container: string
  readonly codec: string
  /** Seconds. */
  readonly duration: number | null
  /** Whether the duration is an estimate by the bit rate. */
  readonly isEstimated: boolean
  /** Bits a second. */
  readonly bitRate: number | null
  readonly sampleRate: number | null
  readonly channels: number | null
  readonly bitDepth: number | null
  readonly lossless: boolean
  readonly tags: Readonly<Record<string, string | number | readonly string[] | undefined>>
  readonly cover: { readonly contentType: string; readonly size: number } | null
  /** What shows without decoding it that the file is not whole, if anything does. */
  readonly flaw: string | null
  /** What decoding it showed. */
  readonly verdict: 'unknown' | 'ok' | 'damaged'
  readonly reason: string | null
  /** Whether it has been decoded. Until then it is due. */
  readonly isChecked: boolean
  /** Drawn while it was decoded: the rate of its samples, how many are in one peak, and two signed bytes a peak. */
  readonly peaks?: { readonly sampleRate: number; readonly samplesPerPeak: number; readonly data: Buffer }
  readonly keys: AudioKeys
}

/** Lists are filtered and sorted by these. None is ever absent: an unknown number is -1 or 0, an unknown text is empty. */
export interface AudioKeys {
  readonly duration: number
  readonly bitRate: number
  readonly year: number
  readonly title: string
  /** Artist, album and place in it. */
  readonly artist: string
  /** Album, its artist and the place in it. */
  readonly album: string
  readonly artists: readonly string[]
  readonly genres: readonly string[]
  /** The words of title, artists, album, genres and name. */
  readonly words: readonly string[]
}

/** Every query of audio files says this, so that the indexes are used, which have nothing but such files. */
export const liveAudio = { state: 'live', addressedBy: 'path', 'audio.container': { $exists: true } } as const

/**
 * Each index ends in the file's id, by which a list goes on among equals. A name has no equal, and its index has the duration,
 * so that the commonest filter is judged without the documents.
 */
const indexed = {
  audio_name: { name: 1, 'audio.keys.duration': 1 },
  audio_size: { size: 1, _id: 1 },
  audio_uploaded: { createdAt: 1, _id: 1 },
  audio_duration: { 'audio.keys.duration': 1, _id: 1 },
  audio_bit_rate: { 'audio.keys.bitRate': 1, _id: 1 },
  audio_year: { 'audio.keys.year': 1, _id: 1 },
  audio_title: { 'audio.keys.title': 1, _id: 1 },
  audio_artist: { 'audio.keys.artist': 1, _id: 1 },
  audio_album: { 'audio.keys.album': 1, _id: 1 },
  audio_artists: { 'audio.keys.artists': 1, name: 1, _id: 1 },
  audio_genres: { 'audio.keys.genres': 1, name: 1, _id: 1 },
  audio_words: { 'audio.keys.words': 1, name: 1, _id: 1 },
  audio_codec: { 'audio.codec': 1, name: 1, _id: 1 },
  audio_channels: { 'audio.channels': 1, name: 1, _id: 1 },
  audio_sample_rate: { 'audio.sampleRate': 1, name: 1, _id: 1 },
  audio_lossless: { 'audio.lossless': 1, name: 1, _id: 1 },
  audio_checked: { 'audio.isChecked': 1, _id: 1 },
  audio_verdict: { 'audio.verdict': 1, name: 1, _id: 1 },
} as const

export function indexAudio(schema: Pick<Schema, 'index'>): void {
  for (const [name, fields] of Object.entries(indexed))
    schema.index(fields, { partialFilterExpression: liveAudio, name })
}
