import type { IAudioMetadata } from 'music-metadata'

const codecs: readonly (readonly [RegExp, string])[] = [
  [/layer ?3|^mp3|mpeg\/l3/i, 'mp3'],
  [/layer ?2|mpeg\/l2/i, 'mp2'],
  [/layer ?1|mpeg\/l1/i, 'mp1'],
  [/alac/i, 'alac'],
  [/aac|^mp4a/i, 'aac'],
  [/flac/i, 'flac'],
  [/opus/i, 'opus'],
  [/vorbis/i, 'vorbis'],
  [/speex/i, 'speex'],
  [/windows media|wma/i, 'wma'],
  [/ac-?3/i, 'ac3'],
  [/adpcm/i, 'adpcm'],
  [/pcm|^raw$|non-compressed|float/i, 'pcm'],
]

/** Tracks of these have pictures, or names of chapters. */
const stillCodecs = /^<(jpeg|png |gif |tiff|text|tx3g|sbtl)>$/

/** @returns whether what is no audio does not move either. Audiobooks have a picture for each chapter, in a track that says it is video. */
export function hasOnlyPictures({ trackInfo }: IAudioMetadata['format']): boolean {
  const others = trackInfo.filter(({ audio }) => audio === undefined)
  return others.length > 0 && others.every(({ codecName = '' }) => stillCodecs.test(codecName))
}

/** The parser of MP4 has no name for these but that of their box. */
export function boxedCodec({ trackInfo }: IAudioMetadata['format']): string {
  return trackInfo.map(({ codecName = '' }) => codecName).find((name) => /^<(fLaC|Opus)>$/.test(name)) ?? ''
}

/** @returns the short name of a codec, whatever a parser calls it */
export function codecName(told: string): string {
  const known = codecs.find(([pattern]) => pattern.test(told))
  return known === undefined ? told.toLowerCase().slice(0, 40) : known[1]
}
