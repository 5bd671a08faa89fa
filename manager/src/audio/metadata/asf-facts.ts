import type { AudioSource } from './audio-source.ts'

/** The header comes first, and streams are described in it. */
const HEADER_BYTES = 64 * 1024
const AUDIO_STREAM = Buffer.from('409e69f84d5bcf11a8fd00805f5c442b', 'hex')
/** The format of a stream's samples begins so many bytes after its type does (Advanced Systems Format, section 3.3). */
const FORMAT_OFFSET = 54
const LOSSLESS = 0x163

export interface AsfFacts {
  readonly sampleRate: number
  readonly channels: number
  readonly bitRate: number
  readonly lossless: boolean
}

/** Reads the format of the first audio stream, which a reader of tags passes over. */
export async function asfFacts(source: AudioSource): Promise<AsfFacts | null> {
  const header = await source.read(0, HEADER_BYTES)
  const stream = header.indexOf(AUDIO_STREAM)
  const at = stream + FORMAT_OFFSET
  if (stream < 0 || at + 12 > header.length) return null
  return {
    sampleRate: header.readUInt32LE(at + 4),
    channels: header.readUInt16LE(at + 2),
    bitRate: header.readUInt32LE(at + 8) * 8,
    lossless: header.readUInt16LE(at) === LOSSLESS,
  }
}
