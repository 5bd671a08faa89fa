/** Says what the header of a frame tells, of raw MPEG audio (ISO 11172-3, 13818-3) or of raw AAC (ADTS, ISO 13818-7). */
export interface FrameHeader {
  readonly kind: 'mpeg' | 'adts'
  /** This is the frame's length in bytes, with its header. */
  readonly length: number
  readonly sampleRate: number
  readonly sampleCount: number
  /** It counts bits a second, where the header tells it. */
  readonly bitRate: number | null
  /** All frames of a stream have this in common. */
  readonly signature: number
}

/** This many frames in a row that agree are no coincidence. */
const AGREEING_FRAMES = 3

const MPEG1 = 3
const LAYER3 = 1
const LAYER2 = 2
const LAYER1 = 3
/** They are in kbit/s, by the index in the header, which counts from 1. */
const mpeg1Rates: Readonly<Record<number, readonly number[]>> = {
  [LAYER1]: [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  [LAYER2]: [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  [LAYER3]: [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
}
const mpeg2Layer1Rates = [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256]
const mpeg2Rates = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
const mpegSampleRates = [44_100, 48_000, 32_000]
const adtsSampleRates = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
]

/** @returns the header that begins at this place, or null where none does */
function frameAt(bytes: Buffer, offset: number): FrameHeader | null {
  if (offset + 7 > bytes.length || bytes[offset] !== 0xff) return null
  const second = bytes[offset + 1] ?? 0
  if ((second & 0xf6) === 0xf0) return adtsFrame(bytes, offset)
  return (second & 0xe0) === 0xe0 ? mpegFrame(bytes, offset) : null
}

/**
 * Finds the first place where enough frames in a row agree.
 * @param within how far the first of them may be from the beginning
 */
export function findFrames(
  bytes: Buffer,
  within: number,
): { readonly offset: number; readonly frame: FrameHeader } | null {
  for (let offset = bytes.indexOf(0xff); offset >= 0 && offset <= within; offset = bytes.indexOf(0xff, offset + 1)) {
    const frame = frameAt(bytes, offset)
    if (frame !== null && countAgreeing(bytes, offset, frame) >= AGREEING_FRAMES) return { offset, frame }
  }
  return null
}

function countAgreeing(bytes: Buffer, offset: number, first: FrameHeader): number {
  let count = 0
  let at = offset
  for (let next: FrameHeader | null = first; next?.signature === first.signature; next = frameAt(bytes, at)) {
    at += next.length
    // A frame that is cut off is none.
    if (at > bytes.length || ++count === AGREEING_FRAMES) break
  }
  return count
}

/** Walks over the frames from here on. A place where none begins ends the walk. */
export function* framesFrom(bytes: Buffer, offset: number): Generator<FrameHeader> {
  let at = offset
  for (let frame = frameAt(bytes, at); frame !== null; frame = frameAt(bytes, at)) {
    at += frame.length
    if (at > bytes.length) return
    yield frame
  }
}

function mpegFrame(bytes: Buffer, offset: number): FrameHeader | null {
  const [second = 0, third = 0] = [bytes[offset + 1], bytes[offset + 2]]
  const version = (second >> 3) & 3
  const layer = (second >> 1) & 3
  const rateIndex = third >> 4
  const sampleRateIndex = (third >> 2) & 3
  // Version 1 and layer 0 are reserved. A stream of "free" bit rate does not tell the length of its frames.
  if (version === 1 || layer === 0 || rateIndex === 0 || rateIndex === 15 || sampleRateIndex === 3) return null
  const isFirst = version === MPEG1
  const rates = isFirst ? mpeg1Rates[layer] : layer === LAYER1 ? mpeg2Layer1Rates : mpeg2Rates
  const bitRate = (rates?.[rateIndex - 1] ?? 0) * 1_000
  const sampleRate = (mpegSampleRates[sampleRateIndex] ?? 0) / (isFirst ? 1 : version === 2 ? 2 : 4)
  const sampleCount = layer === LAYER1 ? 384 : layer === LAYER2 || isFirst ? 1_152 : 576
  const padding = (third >> 1) & 1
  const slotBytes = layer === LAYER1 ? 4 : 1
  const length = (Math.floor(((sampleCount / 8 / slotBytes) * bitRate) / sampleRate) + padding) * slotBytes
  const signature = ((second & 0xfe) << 8) | (third & 0x0c)
  return { kind: 'mpeg', length, sampleRate, sampleCount, bitRate, signature }
}

function adtsFrame(bytes: Buffer, offset: number): FrameHeader | null {
  const [second = 0, third = 0, fourth = 0, fifth = 0, sixth = 0, seventh = 0] = bytes.subarray(offset + 1, offset + 7)
  const sampleRate = adtsSampleRates[(third >> 2) & 15]
  const length = ((fourth & 3) << 11) | (fifth << 3) | (sixth >> 5)
  if (sampleRate === undefined || length < 7) return null
  const signature = ((second & 0xfe) << 16) | ((third & 0xfd) << 8) | (fourth & 0xc0)
  return { kind: 'adts', length, sampleRate, sampleCount: 1_024 * ((seventh & 3) + 1), bitRate: null, signature }
}
