import type { AudioFields, AudioKeys } from '../files/audio-fields.ts'
import type { AudioMetadata, AudioTags } from './metadata/metadata.ts'
import { foldText, wordsOf } from './search-text.ts'

/** This parts the texts of a key that is made of several, and comes before every character that stands in one. */
export const KEY_BREAK = '\u0001'
/** This many digits hold every number of a track or disc in order. */
const PLACE_DIGITS = 5

/** Makes what the record says of an audio file. Its verdict is unknown until it has been decoded. */
export function audioFieldsOf(metadata: AudioMetadata, name: string): AudioFields {
  return {
    ...metadata,
    tags: { ...metadata.tags },
    verdict: 'unknown',
    reason: null,
    isChecked: false,
    keys: keysOf(metadata, name),
  }
}

function keysOf({ duration, bitRate, tags }: AudioMetadata, name: string): AudioKeys {
  const { title = '', artist = '', album = '', albumArtist = '', artists = [], genre = [], year = 0 } = tags
  const everyArtist = [...new Set([artist, albumArtist, ...artists].filter((text) => text !== '').map(foldText))]
  const place = placeOf(tags)
  return {
    duration: duration ?? -1,
    bitRate: bitRate ?? 0,
    year,
    title: foldText(title),
    artist: [foldText(artist), foldText(album), place].join(KEY_BREAK),
    album: [foldText(album), foldText(albumArtist === '' ? artist : albumArtist), place].join(KEY_BREAK),
    artists: everyArtist,
    genres: [...new Set(genre.map(foldText))],
    words: wordsOf([title, artist, album, albumArtist, ...artists, ...genre, name]),
  }
}

function placeOf({ disc = 0, track = 0 }: AudioTags): string {
  return [disc, track].map((number) => String(number).padStart(PLACE_DIGITS, '0')).join(KEY_BREAK)
}
