import type { AudioFields } from '../../files/audio-fields.ts'

/** libopus takes no other arrangements of loudspeakers (RFC 7845), and ffmpeg makes the nearest of these of them. */
const opusLayouts = 'aformat=channel_layouts=mono|stereo|3.0|quad|5.0|5.1|6.1|7.1'

/** A track can be made into these while it is sent. */
export const streamFormats = {
  mp3: { contentType: 'audio/mpeg', codec: 'mp3', args: ['-c:a', 'libmp3lame', '-f', 'mp3'], most: 320 },
  opus: {
    contentType: 'audio/ogg',
    codec: 'opus',
    args: ['-af', opusLayouts, '-c:a', 'libopus', '-f', 'ogg'],
    most: 256,
  },
  aac: { contentType: 'audio/aac', codec: 'aac', args: ['-c:a', 'aac', '-f', 'adts'], most: 320 },
  flac: { contentType: 'audio/flac', codec: 'flac', args: ['-c:a', 'flac', '-f', 'flac'], most: null },
} as const

export type StreamFormat = keyof typeof streamFormats

export interface StreamWish {
  /** `raw` asks for the original. */
  readonly format: string | undefined
  /** This is in kbit/s, and 0 is no limit. */
  readonly maxBitRate: number
  /** The stream begins at this second. */
  readonly timeOffset: number
}

export interface StreamPlan {
  readonly format: StreamFormat
  /** This is in kbit/s, or null where the format has no bit rate. */
  readonly bitRate: number | null
  readonly timeOffset: number
}

/** Less is no use to anybody. */
const LEAST_BIT_RATE = 32
/** A client that names only the format gets this. */
const USUAL_BIT_RATE = 192

/** @returns what to make of a track for such a wish, or null where the original does, or nothing else can be made */
export function planStream(
  audio: Pick<AudioFields, 'container' | 'codec' | 'bitRate' | 'lossless'>,
  wish: StreamWish,
): StreamPlan | null {
  const { format, maxBitRate, timeOffset } = wish
  if (format === 'raw') return null
  const isTooMuch = maxBitRate > 0 && (audio.bitRate ?? 0) > maxBitRate * 1000
  const named = format === undefined ? undefined : formatOf(format)
  // Nothing bounds a lossless format, and the limit goes before the format, which the protocol calls the preferred one.
  const isUnbounded = named !== undefined && streamFormats[named].most === null
  const breaksLimit = isUnbounded && maxBitRate > 0 && (isTooMuch || !audio.lossless)
  const chosen = named === undefined || breaksLimit ? 'mp3' : named
  const isOgg = audio.container === 'ogg' && oggNames.includes(format?.toLowerCase() ?? '')
  const isOther = named !== undefined && streamFormats[chosen].codec !== audio.codec && !isOgg
  if (!isTooMuch && !isOther && timeOffset === 0) return null
  const { most } = streamFormats[chosen]
  const wanted = maxBitRate > 0 ? maxBitRate : USUAL_BIT_RATE
  return {
    format: chosen,
    bitRate: most === null ? null : Math.max(LEAST_BIT_RATE, Math.min(wanted, most)),
    timeOffset,
  }
}

/** Players name the container, which has Opus where a track is made for it, and whatever it has where it is there. */
const oggNames: readonly string[] = ['ogg', 'oga']

function formatOf(name: string): StreamFormat | undefined {
  const folded = name.toLowerCase()
  if (oggNames.includes(folded)) return 'opus'
  return Object.keys(streamFormats).find((known): known is StreamFormat => known === folded)
}
