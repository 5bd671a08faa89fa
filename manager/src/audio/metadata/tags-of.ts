import type { IAudioMetadata } from 'music-metadata'
import type { AudioTags } from './metadata.ts'

const MAX_TEXT_LENGTH = 500
const MAX_VALUES = 20

/** @returns the tags that a file has, each within bounds */
export function tagsOf(common: IAudioMetadata['common']): AudioTags {
  const texts = { title: common.title, artist: common.artist, album: common.album, albumArtist: common.albumartist }
  const numbers = {
    year: common.year,
    track: common.track.no,
    trackCount: common.track.of,
    disc: common.disk.no,
    discCount: common.disk.of,
  }
  const lists = { artists: common.artists, genre: common.genre }
  return {
    ...pick(texts, (value) => text(value)),
    ...pick(numbers, (value) => (isCount(value) ? value : undefined)),
    ...pick(lists, (values) => {
      const kept = (values ?? []).flatMap((value) => text(value) ?? []).slice(0, MAX_VALUES)
      return kept.length === 0 ? undefined : kept
    }),
  }
}

/** Players read these numbers as 32 bits. */
function isCount(value: number | null | undefined): value is number {
  return Number.isInteger(value) && (value ?? 0) > 0 && (value ?? 0) < 2 ** 31
}

/** @returns the fields that have a value */
function pick<From, To>(fields: Readonly<Record<string, From>>, convert: (value: From) => To | undefined) {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => {
      const converted = convert(value)
      return converted === undefined ? [] : [[name, converted]]
    }),
  )
}

function text(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  const clean = value
    .toWellFormed()
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, MAX_TEXT_LENGTH)
  return clean === '' ? undefined : clean.toWellFormed()
}
