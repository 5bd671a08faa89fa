import type { AudioSource } from './audio-source.ts'

/** The movie's box stands among so many others. */
const MAX_BOXES = 64
/** What is looked for stands at the beginning of the movie's box. */
const MOVIE_BYTES = 128 * 1024
const BOX_HEADER_BYTES = 8

export interface Mp4Facts {
  /** It counts seconds, as the movie's header has them, or is null where that says none. */
  readonly duration: number | null
  /** The decoder is told this number, or it is null. The description of the samples often says two whatever is in them. */
  readonly channels: number | null
}

/** Reads what stands in the boxes of an MP4 file that a reader of tags passes over (ISO 14496-12, 14496-3). */
export async function mp4Facts(source: AudioSource): Promise<Mp4Facts> {
  for (let at = 0, boxes = 0; at + BOX_HEADER_BYTES <= source.size && boxes < MAX_BOXES; boxes++) {
    const header = await source.read(at, 16)
    const type = header.toString('latin1', 4, 8)
    const short = header.readUInt32BE(0)
    const size = short === 1 && header.length >= 16 ? Number(header.readBigUInt64BE(8)) : short
    if (type === 'moov') return movieFacts(await source.read(at, Math.min(size, MOVIE_BYTES)))
    if (size < BOX_HEADER_BYTES) break
    at += size
  }
  return { duration: null, channels: null }
}

function movieFacts(movie: Buffer): Mp4Facts {
  return { duration: movieDuration(movie), channels: channelsOf(movie) }
}

function movieDuration(movie: Buffer): number | null {
  const body = movie.indexOf('mvhd') + 4
  const isLong = movie[body] === 1
  if (body < 4 || body + 32 > movie.length) return null
  const scale = movie.readUInt32BE(body + (isLong ? 20 : 12))
  const units = isLong ? Number(movie.readBigUInt64BE(body + 24)) : movie.readUInt32BE(body + 16)
  // All ones stand for a length that is not known.
  const isKnown = units > 0 && (isLong || units !== 0xffff_ffff)
  return isKnown && scale > 0 ? units / scale : null
}

/** The configuration of an AAC decoder is five bits of a type, four of a sample rate, and four of channels. */
function channelsOf(movie: Buffer): number | null {
  const descriptor = movie.indexOf('esds')
  if (descriptor < 0) return null
  const config = movie.subarray(descriptor + 8, descriptor + 64)
  // The tag 5 is followed by a length of one to four bytes.
  let at = config.indexOf(0x05, 20)
  if (at < 0) return null
  do at++
  while (((config[at] ?? 0) & 0x80) !== 0)
  const [first = 0, second = 0] = config.subarray(at + 1, at + 3)
  const type = first >> 3
  const rateIndex = ((first & 7) << 1) | (second >> 7)
  const channels = (second >> 3) & 15
  return type === 31 || rateIndex === 15 || channels === 0 ? null : channels === 7 ? 8 : channels
}
