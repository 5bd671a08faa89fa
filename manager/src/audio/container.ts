import { findFrames } from './metadata/raw-frames.ts'

/** Audio comes in these containers. `mp3` and `aac` are raw frames, with tags around them perhaps. */
export const containers = {
  wav: { contentType: 'audio/wav', ending: 'wav' },
  mp3: { contentType: 'audio/mpeg', ending: 'mp3' },
  flac: { contentType: 'audio/flac', ending: 'flac' },
  ogg: { contentType: 'audio/ogg', ending: 'ogg' },
  mp4: { contentType: 'audio/mp4', ending: 'm4a' },
  aac: { contentType: 'audio/aac', ending: 'aac' },
  aiff: { contentType: 'audio/aiff', ending: 'aiff' },
  wma: { contentType: 'audio/x-ms-wma', ending: 'wma' },
  webm: { contentType: 'audio/webm', ending: 'webm' },
  matroska: { contentType: 'audio/matroska', ending: 'mka' },
} as const

export type Container = keyof typeof containers

/** `tagged` is a file that begins with an ID3v2 tag: what follows the tag says what it is. */
export type Sniffed = Container | 'tagged'

/** This many of a file's first bytes are enough for a verdict. */
export const SNIFF_BYTES = 16 * 1024
/** Raw frames begin within so many bytes, for a recording of a broadcast may begin in the middle of one. */
const FRAME_SEARCH_BYTES = 4 * 1024

const ASF = Buffer.from('3026b2758e66cf11a6d900aa0062ce6c', 'hex')
const EBML = Buffer.from('1a45dfa3', 'hex')
const oggCodecs = ['OpusHead', '\x01vorbis', '\x7fFLAC', 'Speex   ']
/** What begins so is something else, whatever frames are in it. */
const foreign = [
  'PK\x03\x04',
  '%PDF',
  'Rar!',
  '\x1f\x8b',
  '7z\xbc\xaf',
  '\x89PNG',
  '\xff\xd8\xff',
  'MZ',
  '\x7fELF',
  'GIF8',
  '<',
]

/** Tells by its first bytes, never by its name, in which container a file may be. @returns null for what is not audio */
export function sniffContainer(head: Buffer): Sniffed | null {
  const four = head.toString('latin1', 0, 4)
  const form = head.toString('latin1', 8, 12)
  if (head.toString('latin1', 0, 3) === 'ID3') return 'tagged'
  if (['RIFF', 'RF64', 'BW64'].includes(four)) return form === 'WAVE' ? 'wav' : null
  if (four === 'FORM') return form === 'AIFF' || form === 'AIFC' ? 'aiff' : null
  if (four === 'fLaC') return 'flac'
  if (four === 'OggS') return sniffOgg(head)
  if (head.toString('latin1', 4, 8) === 'ftyp') return 'mp4'
  if (head.subarray(0, ASF.length).equals(ASF)) return 'wma'
  if (head.subarray(0, EBML.length).equals(EBML)) return sniffEbml(head)
  return sniffFrames(head)
}

/** @returns whether a file begins like something else that is well known */
export function isForeign(head: Buffer): boolean {
  const beginning = head.toString('latin1', 0, 4)
  return foreign.some((signature) => beginning.startsWith(signature))
}

/** Tells raw MPEG and AAC frames: at least three in a row that agree. */
function sniffFrames(head: Buffer): 'mp3' | 'aac' | null {
  if (isForeign(head)) return null
  const found = findFrames(head, FRAME_SEARCH_BYTES)
  return found === null ? null : found.frame.kind === 'adts' ? 'aac' : 'mp3'
}

/** The first page of an Ogg file holds nothing but the name of a codec, and its settings (RFC 3533). */
function sniffOgg(head: Buffer): Container | null {
  const segmentCount = head[26] ?? 0
  const codec = head.toString('latin1', 27 + segmentCount, 35 + segmentCount)
  return oggCodecs.some((name) => codec.startsWith(name)) ? 'ogg' : null
}

/** The type stands in the header, which is the first element. */
function sniffEbml(head: Buffer): Container | null {
  const header = head.toString('latin1', 0, 64)
  if (header.includes('webm')) return 'webm'
  return header.includes('matroska') ? 'matroska' : null
}
