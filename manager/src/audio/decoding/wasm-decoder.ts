import { FLACDecoder } from '@wasm-audio-decoders/flac'
import { decodeChunked } from 'audio-decode/stream'
import { NEEDS_FFMPEG } from './decode-audio.ts'
import { movieFirst, openRanges } from './movie-first.ts'
import { SampleWriter } from './sample-writer.ts'

/**
 * Decodes a file as ffmpeg does for `decode-audio.ts`, in a process of its own: samples go to standard output, and what is
 * wrong with the file to standard error. Arguments: url, etag, container, codec, rate of the samples.
 */

/** A file that needs more is not decoded. */
const MAX_RSS_BYTES = 300 * 1024 ** 2

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
/** Of these containers not every codec is known, and what is not known must not count as damaged. */
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
  const bytes = container === 'mp4' ? movieFirst(ranges) : container === 'wav' ? asRiff(ranges.from(0)) : ranges.from(0)
  for await (const { channelData, sampleRate } of decoded(bytes)) {
    await samples.write(channelData, sampleRate)
    if (process.memoryUsage.rss() > MAX_RSS_BYTES) process.exit(NEEDS_FFMPEG)
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
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
