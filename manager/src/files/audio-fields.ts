import type { Schema } from 'mongoose'

/** These fields say what is known of an audio file. What it does not tell itself is null. */
export interface AudioFields {
  readonly container: string
  readonly codec: string
  /** The duration is in seconds. */
  readonly duration: number | null
  /** Tells whether the duration is an estimate by the bit rate. */
  readonly isEstimated: boolean
  /** It counts bits a second. */
  readonly bitRate: number | null
  readonly sampleRate: number | null
  readonly channels: number | null
  readonly bitDepth: number | null
  readonly lossless: boolean
  readonly tags: Readonly<Record<string, string | number | readonly string[] | undefined>>
  readonly cover: { readonly contentType: string; readonly size: number } | null
  /** Says what shows, without decoding it, that the file is not whole, if anything does. */
  readonly flaw: string | null
  /** Says what decoding it showed. */
  readonly verdict: 'unknown' | 'ok' | 'damaged'
  readonly reason: string | null
  /** Tells whether it has been decoded. Until then it is due. */
  readonly isChecked: boolean
  /** They were drawn while it was decoded: the rate of its samples, how many are in one peak, and two signed bytes a peak. */
  readonly peaks?: { readonly sampleRate: number; readonly samplesPerPeak: number; readonly data: Buffer }
  readonly keys: AudioKeys
}

/** Lists are filtered and sorted by these. None is ever absent: an unknown number is -1 or 0, an unknown text is empty. */
export interface AudioKeys {
  readonly duration: number
  readonly bitRate: number
  readonly year: number
  readonly title: string
  /** It joins the artist, the album and the place in it. */
  readonly artist: string
  /** It joins the album, its artist and the place in it. */
  readonly album: string
  readonly artists: readonly string[]
  readonly genres: readonly string[]
  /** These are the words of title, artists, album, genres and name. */
  readonly words: readonly string[]
}

/** The indexes of audio files have nothing but these. */
export const liveAudio = { state: 'live', addressedBy: 'path', 'audio.container': { $exists: true } } as const

/** Every query of audio files says this. It is the same, but for an index, which can tell it without the document. */
export const isLiveAudio = { ...liveAudio, 'audio.container': { $gt: '' } } as const

/** An index that has these too tells whether a track may be seen. */
const visibility = { state: 1, addressedBy: 1, 'audio.container': 1, expiresAt: 1 } as const
/** A list can be filtered by these, besides words and names. */
const facts = {
  ...visibility,
  'audio.keys.duration': 1,
  size: 1,
  createdAt: 1,
  'audio.keys.bitRate': 1,
  'audio.keys.year': 1,
  'audio.sampleRate': 1,
  'audio.channels': 1,
  'audio.codec': 1,
  'audio.lossless': 1,
  'audio.verdict': 1,
} as const

/** What comes before tells which tracks are asked for, and in which order; the facts tell all else without the documents. */
const inOrderOf = (field: string) => ({ [field]: 1, _id: 1, ...facts }) as const
const byNameWith = (field: string) => ({ [field]: 1, name: 1, _id: 1, ...facts }) as const
const ofOne = (field: string, others: ReturnType<typeof inOrderOf>) => ({ [field]: 1, ...others }) as const

/** Each index has the file's id, by which a list goes on among equals. */
const indexed = {
  audio_order_name: inOrderOf('name'),
  audio_order_size: inOrderOf('size'),
  audio_order_uploaded: inOrderOf('createdAt'),
  audio_order_duration: inOrderOf('audio.keys.duration'),
  audio_order_bit_rate: inOrderOf('audio.keys.bitRate'),
  audio_order_year: inOrderOf('audio.keys.year'),
  audio_order_title: inOrderOf('audio.keys.title'),
  audio_order_artist: inOrderOf('audio.keys.artist'),
  audio_order_album: inOrderOf('audio.keys.album'),
  audio_with_artist: byNameWith('audio.keys.artists'),
  audio_with_genre: byNameWith('audio.keys.genres'),
  audio_with_codec: byNameWith('audio.codec'),
  audio_with_container: byNameWith('audio.container'),
  audio_with_channels: byNameWith('audio.channels'),
  audio_with_sample_rate: byNameWith('audio.sampleRate'),
  audio_with_lossless: byNameWith('audio.lossless'),
  audio_with_verdict: byNameWith('audio.verdict'),
  // Few of one are of the other, or they come last in the order, so that either index alone is read from end to end.
  audio_with_codec_lossless: ofOne('audio.codec', byNameWith('audio.lossless')),
  audio_lossless_bit_rate: ofOne('audio.lossless', inOrderOf('audio.keys.bitRate')),
  // There are many words, so this one has nothing else.
  audio_with_word: { 'audio.keys.words': 1, _id: 1 },
  audio_checked: { 'audio.isChecked': 1, _id: 1 },
  // The order of the hashes is as good as chance.
  audio_chance: { sha256: 1, _id: 1, 'audio.keys.year': 1, ...visibility },
  audio_genre_chance: { 'audio.keys.genres': 1, sha256: 1, _id: 1, 'audio.keys.year': 1, ...visibility },
} as const satisfies Readonly<Record<string, Readonly<Record<string, 1>>>>

export type AudioIndex = keyof typeof indexed

export function indexAudio(schema: Pick<Schema, 'index'>): void {
  for (const [name, fields] of Object.entries(indexed))
    schema.index(fields, { partialFilterExpression: liveAudio, name })
}

/** @returns whether this is the name of an index that an earlier version made of audio files */
export function isFormerIndex(name: string): boolean {
  return name.startsWith('audio_') && !Object.hasOwn(indexed, name)
}
