import { type IAudioMetadata, type IPicture, parseFromTokenizer, selectCover } from 'music-metadata'
import { type Container, containers, isForeign, SNIFF_BYTES, sniffContainer } from '../container.ts'
import { asfFacts } from './asf-facts.ts'
import { type AudioSource, type ByteSource, PAGE_BYTES, SourceTokenizer } from './audio-source.ts'
import { boxedCodec, codecName, hasOnlyPictures } from './codec-name.ts'
import { endOfFrames, hasFramesUpTo, ID3V1_BYTES } from './frame-ends.ts'
import { type AudioMetadata, type Cover, type MetadataResult, meanRate } from './metadata.ts'
import { mp4Facts } from './mp4-facts.ts'
import { findFrames, framesFrom } from './raw-frames.ts'
import { tagsOf } from './tags-of.ts'

/** Several tags may stand one after the other. */
const MAX_ID3_TAGS = 4
const ID3_HEADER_BYTES = 10
/** Between a tag and the frames there may be padding. */
const PADDING_BYTES = 64 * 1024
/** The bit rate of raw frames is the mean of so many bytes of them. */
const MEAN_BYTES = 256 * 1024
/** An Ogg page has at most 65,307 bytes, so the last one begins in the last two pages of this size. */
const OGG_TAIL_BYTES = 2 * PAGE_BYTES
/** The first page of audio is among so many bytes, unless there is a large cover before it. */
const OGG_HEAD_BYTES = 2 * PAGE_BYTES
/** No page of audio is so long, so a stream whose first one ends later was cut out of another, or recorded from the air. */
const OGG_FIRST_PAGE_S = 30
/** Who writes a wave to a pipe cannot tell its size, and tells one near to one of these. */
const UNTOLD_SIZES = { most: 2 ** 32, signed: 2 ** 31, within: 64 * 1024 }
const MAX_REASON_LENGTH = 120

interface Start {
  readonly container: Container
  /** The first frame of a file of raw frames begins there. */
  readonly framesAt: number
}

/** Reads what a file says of itself. It decodes nothing, so a damaged file may well say that it is whole. */
export async function readMetadata(source: AudioSource): Promise<MetadataResult> {
  const start = await findStart(source)
  if (start === null) return { kind: 'not-audio', reason: 'its bytes are of no audio format that is understood' }
  try {
    const parsed = await parse(source, start.container)
    if (parsed.format.hasVideo === true && !hasOnlyPictures(parsed.format))
      return { kind: 'not-audio', reason: 'it is a video' }
    const metadata = await describe(source, start, parsed)
    return metadata.codec === '' || metadata.sampleRate === null
      ? { kind: 'broken', reason: `its ${start.container} header tells of no audio` }
      : { kind: 'audio', metadata }
  } catch (error) {
    return { kind: 'broken', reason: `its ${start.container} structure cannot be read: ${reasonOf(error)}` }
  }
}

/** @returns the picture that stands for the file, or null where it has none that can be read */
export async function readCover(source: AudioSource): Promise<Cover | null> {
  const start = await findStart(source)
  if (start === null) return null
  const picture = coverOf(await parse(source, start.container))
  return picture === null ? null : { contentType: picture.format, bytes: picture.data }
}

async function parse(source: AudioSource, container: Container): Promise<IAudioMetadata> {
  const tokenizer = new SourceTokenizer(
    container === 'wav' ? asRiff(source) : source,
    containers[container].contentType,
  )
  return parseFromTokenizer(tokenizer, { duration: false, mkvUseIndex: true })
}

/** RF64 and BW64 are RIFF but for their name and for sizes beyond 4 GiB, which the file's own tells (EBU Tech 3306). */
function asRiff(source: AudioSource): ByteSource {
  return {
    size: source.size,
    async read(start, length) {
      const bytes = await source.read(start, length)
      return start === 0 ? Buffer.concat([Buffer.from('RIFF'), bytes.subarray(4)]).subarray(0, bytes.length) : bytes
    },
  }
}

/** Tells the container. What follows an ID3v2 tag counts, and the tag may be as long as it says. */
async function findStart(source: AudioSource): Promise<Start | null> {
  let at = 0
  for (let tags = 0; tags <= MAX_ID3_TAGS; tags++) {
    const head = await source.read(at, SNIFF_BYTES)
    const sniffed = sniffContainer(head)
    if (sniffed === 'tagged') at += id3Length(head)
    else if (tags > 0 && sniffed !== 'flac') return findFramesFrom(source, at)
    else if (sniffed === 'mp3' || sniffed === 'aac') return findFramesFrom(source, at)
    else return sniffed === null ? null : { container: sniffed, framesAt: 0 }
  }
  return null
}

/** Raw frames may begin behind some padding where a tag comes before them. */
async function findFramesFrom(source: AudioSource, at: number): Promise<Start | null> {
  const bytes = await source.read(at, PADDING_BYTES + SNIFF_BYTES)
  const found = isForeign(bytes) ? null : findFrames(bytes, PADDING_BYTES)
  return found === null ? null : { container: found.frame.kind === 'adts' ? 'aac' : 'mp3', framesAt: at + found.offset }
}

/** The length has seven bits in each of four bytes (ID3v2.4, section 3.1). */
function id3Length(head: Buffer): number {
  const size = [6, 7, 8, 9].reduce((sum, index) => sum * 128 + ((head[index] ?? 0) & 0x7f), 0)
  const hasFooter = ((head[5] ?? 0) & 0x10) !== 0
  return ID3_HEADER_BYTES + size + (hasFooter ? ID3_HEADER_BYTES : 0)
}

async function describe(source: AudioSource, start: Start, { format, common }: IAudioMetadata): Promise<AudioMetadata> {
  const { container } = start
  const timing = await timingOf(source, start, format)
  const picture = coverOf({ common })
  const asf = container === 'wma' ? await asfFacts(source) : null
  const codec = codecName(format.codec ?? boxedCodec(format))
  const lossless = asf?.lossless ?? (format.lossless === true || ['pcm', 'flac'].includes(codec))
  return {
    container,
    codec,
    duration: timing.duration,
    isEstimated: timing.isEstimated,
    bitRate: timing.bitRate ?? asf?.bitRate ?? meanRate(source.size, timing.duration),
    sampleRate: positive(asf?.sampleRate ?? format.sampleRate),
    channels: positive(timing.channels ?? asf?.channels ?? format.numberOfChannels),
    bitDepth: lossless ? positive(format.bitsPerSample) : null,
    lossless,
    tags: tagsOf(common),
    cover: picture === null ? null : { contentType: picture.format, size: picture.data.length },
    flaw: container === 'wav' ? await waveFlaw(source) : null,
  }
}

async function waveFlaw(source: AudioSource): Promise<string | null> {
  const { told, isUntold } = await waveSize(source)
  const missing = told - source.size
  return missing > 1 && !isUntold ? `its header tells of ${missing} more bytes` : null
}

/** A wave's header tells how long the file is, unless it was written before anybody knew. That of RF64 tells it elsewhere. */
async function waveSize(source: AudioSource): Promise<{ readonly told: number; readonly isUntold: boolean }> {
  const { most, signed, within } = UNTOLD_SIZES
  const head = await source.read(0, 8)
  const told = head.toString('latin1', 0, 4) === 'RIFF' ? head.readUInt32LE(4) + 8 : 0
  const isUntold = told > source.size && (told >= most - within || Math.abs(told - signed) <= within)
  return { told, isUntold }
}

/** A file that does not tell its size tells no count of samples either: only the bytes that are there say how long it is. */
async function waveTiming(source: AudioSource, bitRate: number | null): Promise<Partial<Timing>> {
  if (!(await waveSize(source)).isUntold) return { bitRate }
  const start = await startOfSamples(source)
  const isKnown = start !== null && bitRate !== null
  return { bitRate, isEstimated: true, ...(isKnown && { duration: ((source.size - start) * 8) / bitRate }) }
}

/** A chunk has its name, its size and that many bytes, to which one is added where they are odd. */
async function startOfSamples(source: AudioSource): Promise<number | null> {
  for (let at = 12; at + 8 <= source.size; ) {
    const chunk = await source.read(at, 8)
    if (chunk.toString('latin1', 0, 4) === 'data') return at + 8
    const size = chunk.readUInt32LE(4)
    at += 8 + size + (size % 2)
  }
  return null
}

interface Timing {
  readonly duration: number | null
  readonly isEstimated: boolean
  readonly bitRate: number | null
  readonly channels?: number | null | undefined
}

async function timingOf(source: AudioSource, start: Start, format: IAudioMetadata['format']): Promise<Timing> {
  const told = { duration: seconds(format.duration), isEstimated: false, bitRate: null }
  switch (start.container) {
    case 'mp3':
    case 'aac':
      return frameTiming(source, start, told.duration)
    case 'ogg':
      return { ...told, ...(await oggTiming(source, format)) }
    case 'mp4':
      return { ...told, ...(await mp4Timing(source, told.duration)) }
    case 'wav':
      return { ...told, ...(await waveTiming(source, positive(format.bitrate))) }
    case 'aiff':
      return { ...told, bitRate: positive(format.bitrate) }
    default:
      return told
  }
}

/** Raw frames tell their bit rate, and how long they are only where the first one is no audio but a table of the others. */
async function frameTiming(source: AudioSource, { framesAt }: Start, told: number | null): Promise<Timing> {
  const bytes = await source.read(framesAt, MEAN_BYTES)
  const frames = [...framesFrom(bytes, 0)]
  const [first] = frames
  if (first === undefined) return { duration: told, isEstimated: true, bitRate: null }
  const table = bytes.toString('latin1', 0, first.length)
  const hasTable = first.kind === 'mpeg' && /Xing|Info|VBRI/.test(table)
  const audio = hasTable ? frames.slice(1) : frames
  const byteCount = audio.reduce((sum, { length }) => sum + length, 0)
  const duration = audio.reduce((sum, { sampleCount, sampleRate }) => sum + sampleCount / sampleRate, 0)
  const isSteady = audio.every(({ bitRate }) => bitRate !== null && bitRate === audio[0]?.bitRate)
  const bitRate = isSteady ? (audio[0]?.bitRate ?? null) : duration > 0 ? (byteCount * 8) / duration : null
  if (hasTable && told !== null) return { duration: told, isEstimated: false, bitRate: isSteady ? bitRate : null }
  const end = await endOfFrames(source, framesAt)
  const audioBytes = end - framesAt
  const isWhole = byteCount >= audioBytes - ID3V1_BYTES
  return {
    duration: isWhole ? duration : bitRate === null ? told : (audioBytes * 8) / bitRate,
    // What stands behind the frames and is no tag that is known counts as frames too.
    isEstimated: !isWhole && !(isSteady && (await hasFramesUpTo(source, end, first))),
    bitRate: bitRate === null ? null : Math.round(bitRate),
  }
}

/** The last page says how many samples there are (RFC 3533, RFC 7845 section 4). */
async function oggTiming(source: AudioSource, format: IAudioMetadata['format']): Promise<Partial<Timing>> {
  const head = await source.read(0, 512)
  const serial = head.subarray(14, 18)
  const tail = await source.read(Math.max(0, source.size - OGG_TAIL_BYTES), OGG_TAIL_BYTES)
  const codec = codecName(format.codec ?? '')
  const preSkip = codec === 'opus' ? head.readUInt16LE(27 + (head[26] ?? 0) + 10) : 0
  const rate = codec === 'opus' ? 48_000 : (format.sampleRate ?? 0)
  for (let at = tail.lastIndexOf('OggS'); at >= 0; at = at === 0 ? -1 : tail.lastIndexOf('OggS', at - 1)) {
    if (at + 18 > tail.length) continue
    const granules = tail.readBigInt64LE(at + 6)
    if (granules < 0n) continue
    // Each of several chained streams counts from nothing.
    if (!tail.subarray(at + 14, at + 18).equals(serial)) return { isEstimated: true }
    if (rate <= 0) return {}
    const first = await firstGranules(source, serial)
    if (first > OGG_FIRST_PAGE_S * rate)
      return { isEstimated: true, duration: Math.max(0, (Number(granules) - first) / rate) }
    return { duration: Math.max(0, (Number(granules) - preSkip) / rate) }
  }
  return { isEstimated: true }
}

/** @returns how many samples a stream counts at the end of its first page of audio, or 0 where that is not near the beginning */
async function firstGranules(source: AudioSource, serial: Buffer): Promise<number> {
  const bytes = await source.read(0, OGG_HEAD_BYTES)
  for (let at = 0; at + 27 <= bytes.length && bytes.toString('latin1', at, at + 4) === 'OggS'; ) {
    const granules = bytes.readBigInt64LE(at + 6)
    if (granules > 0n && bytes.subarray(at + 14, at + 18).equals(serial)) return Number(granules)
    const segments = bytes.subarray(at + 27, at + 27 + (bytes[at + 26] ?? 0))
    at += 27 + segments.length + segments.reduce((sum, length) => sum + length, 0)
  }
  return 0
}

/** The movie's own header counts what its edit list leaves, while that of the track counts the encoder's padding too. */
async function mp4Timing(source: AudioSource, told: number | null): Promise<Partial<Timing>> {
  const { duration, channels } = await mp4Facts(source)
  const isRight = duration !== null && (told === null || duration <= told + 0.001)
  return { channels, duration: isRight ? duration : told, isEstimated: !isRight && told === null }
}

function coverOf({ common }: Pick<IAudioMetadata, 'common'>): IPicture | null {
  const picture = selectCover(common.picture)
  return picture === null || picture.data.length === 0 ? null : { ...picture, format: imageType(picture.data) }
}

/** A tag may call its picture anything, so its own bytes say what it is. */
function imageType(data: Uint8Array): string {
  const beginning = Buffer.from(data.buffer, data.byteOffset, Math.min(12, data.length)).toString('latin1')
  if (beginning.startsWith('\xff\xd8\xff')) return 'image/jpeg'
  if (beginning.startsWith('\x89PNG')) return 'image/png'
  if (beginning.startsWith('GIF8')) return 'image/gif'
  if (beginning.startsWith('RIFF') && beginning.endsWith('WEBP')) return 'image/webp'
  return 'application/octet-stream'
}

function positive(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) && value > 0 ? Math.round(value) : null
}

function seconds(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) && value >= 0 ? value : null
}

function reasonOf(error: unknown): string {
  const said = error instanceof Error ? error.message : String(error)
  return said.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_REASON_LENGTH)
}
