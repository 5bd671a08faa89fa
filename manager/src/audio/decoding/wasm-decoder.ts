import { FLACDecoder } from '@wasm-audio-decoders/flac'
import { decodeChunked } from 'audio-decode/stream'
import { NEEDS_FFMPEG } from './decode-audio.ts'
import { movieFirst, openRanges, type Ranges } from './movie-first.ts'
import { SampleWriter } from './sample-writer.ts'

/**
 * Decodes a file as ffmpeg does for `decode-audio.ts`, in a process of its own: samples go to standard output, and what is
 * wrong with the file to standard error. Its arguments are url, etag, container, codec and the rate of the samples.
 */

/** A file that needs more is not decoded. */
const MAX_RSS_BYTES = 300 * 1024 ** 2
/**
 * A decoder makes samples of all that it is given at once, and a few bytes may tell of a second of silence. Memory is looked
 * at before each slice. That of FLAC takes several times as long for smaller ones.
 */
const SLICE_BYTES = { flac: 2_048, other: 512 }
/** A byte of these containers never becomes more than a few samples. */
const dense = ['wav', 'aiff']

const formats: Readonly<Record<string, string>> = {
  wav: 'wav',
  mp3: 'mp3',
  mp4: 'm4a',
  aac: 'aac',
  aiff: 'aiff',
  wma: 'wma',
  webm: 'webm',
  matroska: 'mkv',
}
const oggFormats: Readonly<Record<string, string>> = { opus: 'opus', vorbis: 'oga' }
/** These containers may hold other codecs too, which the decoders do not know and which must not count as damaged. */
const knownCodecs: Readonly<Record<string, readonly string[]>> = {
  wav: ['pcm', 'adpcm', 'alaw', 'mulaw'],
  mp4: ['aac', 'alac', 'flac', 'opus'],
  webm: ['opus', 'vorbis'],
  matroska: ['opus', 'vorbis', 'aac', 'mp3', 'pcm'],
}

interface Pcm {
  readonly channelData: readonly Float32Array[]
  readonly sampleRate: number
}

const [url = '', etag = '', container = '', codec = '', rate = ''] = process.argv.slice(2)
const samples = new SampleWriter(process.stdout, Number(rate))
try {
  const ranges = openRanges(url, etag)
  for await (const { channelData, sampleRate } of decoded(bytesOf(ranges))) {
    await samples.write(channelData, sampleRate)
    requireMemory()
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
}

function requireMemory(): void {
  if (process.memoryUsage.rss() > MAX_RSS_BYTES) process.exit(NEEDS_FFMPEG)
}

function bytesOf(ranges: Ranges): AsyncIterable<Uint8Array> {
  if (container === 'mp4') return movieFirst(ranges, inSlices)
  if (container === 'wav') return asRiff(ranges.from(0))
  return dense.includes(container) ? ranges.from(0) : inSlices(ranges.from(0))
}

async function* inSlices(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const length = codec === 'flac' ? SLICE_BYTES.flac : SLICE_BYTES.other
  // The decoder of WMA wants its header and the first packet at once.
  let isWhole = container === 'wma'
  for await (const piece of bytes) {
    for (let at = 0; at < piece.length; at += isWhole ? piece.length : length) {
      requireMemory()
      yield isWhole ? piece : piece.subarray(at, at + length)
    }
    isWhole = false
  }
}

function decoded(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Pcm> {
  if (codec === 'flac' && container !== 'mp4' && container !== 'matroska') return decodedFlac(bytes)
  const format = container === 'ogg' ? oggFormats[codec] : formats[container]
  if (format === undefined || knownCodecs[container]?.includes(codec) === false) process.exit(NEEDS_FFMPEG)
  return decodeChunked(bytes, format as Parameters<typeof decodeChunked>[1])
}

/** RF64 differs from RIFF by its name and by sizes that are not needed here, for the samples end with the file. */
async function* asRiff(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let isFirst = true
  for await (const piece of bytes) {
    if (isFirst) piece.set(Buffer.from('RIFF').subarray(0, piece.length))
    isFirst = false
    yield piece
  }
}

/** Decodes by the decoder itself, because audio-decode 3.12.0 passes over some of its frames, and over what is wrong. */
async function* decodedFlac(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Pcm> {
  const decoder = new FLACDecoder()
  await decoder.ready
  const noteProblems = <T extends { readonly errors: readonly { readonly message: string }[] }>(pcm: T): T => {
    for (const { message } of pcm.errors) console.error(message)
    return pcm
  }
  for await (const piece of bytes) yield noteProblems(await decoder.decode(piece))
  yield noteProblems(await decoder.flush())
}
