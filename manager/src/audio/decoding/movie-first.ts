/** A movie's box may be so large. */
const MAX_MOVIE_BYTES = 32 * 1024 ** 2
const MAX_BOXES = 64
const HEADER_BYTES = 16

/** Gives a file's bytes from a place on. */
export interface Ranges {
  /** @throws where the bytes cannot be had */
  from(start: number, end?: number): AsyncIterable<Uint8Array>
}

/** Reads a version of a file over HTTP. What it throws is worded as ffmpeg does it, for `decode-audio.ts` tells by that. */
export function openRanges(url: string, etag: string): Ranges {
  return {
    async *from(start, end) {
      const range = `bytes=${start}-${end === undefined ? '' : end - 1}`
      const response = await fetch(url, { headers: { 'if-match': etag, range } }).catch((cause: unknown) => {
        throw new Error('Connection refused', { cause })
      })
      // There is nothing from there on.
      if (response.status === 416) return
      if (!response.ok) throw new Error(`HTTP error ${response.status}`)
      try {
        for await (const piece of response.body ?? []) yield piece as Uint8Array
      } catch (cause) {
        throw new Error('Connection reset', { cause })
      }
    },
  }
}

interface Box {
  readonly type: string
  readonly start: number
  readonly end: number
}

/**
 * Gives an MP4 file with its movie's box first, as a decoder wants it that does not keep all that comes before. Where the box
 * stands behind the samples their places in it are raised by its own length, as `faststart` of ffmpeg does.
 * @param cut cuts what comes behind the movie's box, which itself goes in as few pieces as can be
 */
export async function* movieFirst(
  ranges: Ranges,
  cut: (bytes: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const boxes = await topBoxes(ranges)
  const movie = boxes.find(({ type }) => type === 'moov')
  const samples = boxes.find(({ type }) => type === 'mdat')
  if (movie === undefined) return yield* ranges.from(0)
  if (samples === undefined || movie.start < samples.start) {
    yield* ranges.from(0, movie.end)
    return yield* cut(ranges.from(movie.end))
  }
  if (movie.end - movie.start > MAX_MOVIE_BYTES) return yield* ranges.from(0)
  const moved = Buffer.concat(await arrayOf(ranges.from(movie.start, movie.end)))
  raisePlaces(moved, moved.length)
  if (samples.start > 0) yield* ranges.from(0, samples.start)
  yield moved
  // What stands between the samples and the movie keeps its distance to them.
  yield* cut(ranges.from(samples.start, movie.start))
}

/** Lists the boxes of a file up to the movie's (ISO 14496-12). */
async function topBoxes(ranges: Ranges): Promise<Box[]> {
  const boxes: Box[] = []
  for (let start = 0; boxes.length < MAX_BOXES && boxes.at(-1)?.type !== 'moov'; ) {
    const header = Buffer.concat(await arrayOf(ranges.from(start, start + HEADER_BYTES)))
    if (header.length < HEADER_BYTES) break
    const short = header.readUInt32BE(0)
    const size = short === 1 ? Number(header.readBigUInt64BE(8)) : short
    if (size < 8) break
    boxes.push({ type: header.toString('latin1', 4, 8), start, end: start + size })
    start += size
  }
  return boxes
}

const parents = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl'])

/** Raises the places of all chunks of samples that a box and those in it tell, as far as the box is whole. */
function raisePlaces(box: Buffer, by: number): void {
  for (let at = 0; at + 8 <= box.length; ) {
    const size = box.readUInt32BE(at)
    if (size < 8 || at + size > box.length) return
    const type = box.toString('latin1', at + 4, at + 8)
    const body = box.subarray(at + 8, at + size)
    if (parents.has(type)) raisePlaces(body, by)
    else if (type === 'stco') {
      for (let entry = 8; entry + 4 <= body.length; entry += 4)
        body.writeUInt32BE(Math.min(body.readUInt32BE(entry) + by, 0xffff_ffff), entry)
    } else if (type === 'co64') {
      for (let entry = 8; entry + 8 <= body.length; entry += 8)
        body.writeBigUInt64BE(BigInt.asUintN(64, body.readBigUInt64BE(entry) + BigInt(by)), entry)
    }
    at += size
  }
}

async function arrayOf(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return all
}
