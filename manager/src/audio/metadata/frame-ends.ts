import type { AudioSource } from './audio-source.ts'
import { type FrameHeader, findFrames, framesFrom } from './raw-frames.ts'

/** ID3v1 has this length, and the ends of the others are within it. */
export const ID3V1_BYTES = 128
const MAX_TAGS = 8
const APE_HEADER_BYTES = 32
/** A few frames of raw MPEG audio are within so many bytes. */
const LAST_FRAMES_BYTES = 8 * 1024

/** @returns where the frames of a file end, with the tags that stand behind them left out: ID3v1, APEv2 and Lyrics3v2 */
export async function endOfFrames(source: AudioSource, framesAt: number): Promise<number> {
  let end = source.size
  for (let tags = 0; tags < MAX_TAGS; tags++) {
    const start = Math.max(framesAt, end - ID3V1_BYTES)
    const length = tagLength(await source.read(start, end - start))
    if (length === 0 || length > end - framesAt) break
    end -= length
  }
  return end
}

/** @returns how long the tag is that ends here, or 0 where none does */
function tagLength(tail: Buffer): number {
  if (tail.length === ID3V1_BYTES && tail.toString('latin1', 0, 3) === 'TAG') return ID3V1_BYTES
  const footer = tail.subarray(-APE_HEADER_BYTES)
  if (footer.length === APE_HEADER_BYTES && footer.toString('latin1', 0, 8) === 'APETAGEX') {
    const hasHeader = footer.readUInt32LE(20) >= 2 ** 31
    return footer.readUInt32LE(12) + (hasHeader ? APE_HEADER_BYTES : 0)
  }
  // The length, which stands before the last word, counts what comes before itself.
  const [, length] = /(\d{6})LYRICS200$/.exec(tail.toString('latin1', Math.max(0, tail.length - 15))) ?? []
  return length === undefined ? 0 : Number(length) + 15
}

/** @returns whether frames like these go on to this place, with nothing behind them but one that is cut off */
export async function hasFramesUpTo(source: AudioSource, end: number, like: FrameHeader): Promise<boolean> {
  const start = Math.max(0, end - LAST_FRAMES_BYTES)
  const bytes = await source.read(start, end - start)
  const found = findFrames(bytes, bytes.length)
  if (found === null || found.frame.signature !== like.signature) return false
  const length = [...framesFrom(bytes, found.offset)].reduce((sum, frame) => sum + frame.length, 0)
  return bytes.length - found.offset - length <= like.length + 1
}
