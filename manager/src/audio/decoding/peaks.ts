/** This many pairs are kept of a file, and half as many at least of a long one. */
export const MAX_PEAKS = 2_048
/** Two pairs of neighbours become one when there are too many. */
const FIRST_SAMPLES_PER_PEAK = 64

/** Keeps the least and the greatest sample of each of the equal stretches of a file, in 8 bits, alternating. */
export interface Peaks {
  readonly sampleRate: number
  readonly samplesPerPeak: number
  readonly data: Int8Array
}

/** Draws a file while it passes, in the same memory however long it is. */
export class PeakMeter {
  readonly #data = new Int8Array(MAX_PEAKS * 2)
  #count = 0
  #samplesPerPeak = FIRST_SAMPLES_PER_PEAK
  #least = 0
  #greatest = 0
  #inPeak = 0
  #odd: number | null = null
  #sampleCount = 0

  get sampleCount(): number {
    return this.#sampleCount
  }

  /** @param bytes samples of 16 bits, the low byte first, cut anywhere */
  push(bytes: Buffer): void {
    let at = 0
    if (this.#odd !== null && bytes.length > 0) {
      this.#add(((this.#odd | ((bytes[0] ?? 0) << 8)) << 16) >> 16)
      this.#odd = null
      at = 1
    }
    for (; at + 1 < bytes.length; at += 2) this.#add((((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)) << 16) >> 16)
    if (at < bytes.length) this.#odd = bytes[at] ?? 0
  }

  end(sampleRate: number): Peaks {
    if (this.#inPeak > 0) this.#close()
    return { sampleRate, samplesPerPeak: this.#samplesPerPeak, data: this.#data.slice(0, this.#count * 2) }
  }

  #add(sample: number): void {
    if (this.#inPeak === 0) {
      this.#least = sample
      this.#greatest = sample
    } else if (sample < this.#least) this.#least = sample
    else if (sample > this.#greatest) this.#greatest = sample
    this.#sampleCount++
    if (++this.#inPeak === this.#samplesPerPeak) this.#close()
  }

  #close(): void {
    this.#data[this.#count * 2] = this.#least >> 8
    this.#data[this.#count * 2 + 1] = this.#greatest >> 8
    this.#inPeak = 0
    if (++this.#count < MAX_PEAKS) return
    this.#data.set(merge(this.#data, MAX_PEAKS / 2))
    this.#count = MAX_PEAKS / 2
    this.#samplesPerPeak *= 2
  }
}

/** @returns the same drawing in fewer peaks, or as it is where there are no more */
export function inBuckets(peaks: Peaks, buckets: number): Peaks {
  const count = peaks.data.length / 2
  if (buckets >= count) return peaks
  const samplesPerPeak = Math.round((peaks.samplesPerPeak * count) / buckets)
  return { ...peaks, samplesPerPeak, data: merge(peaks.data, buckets) }
}

function merge(data: Int8Array, buckets: number): Int8Array {
  const count = data.length / 2
  const merged = new Int8Array(buckets * 2)
  for (let bucket = 0; bucket < buckets; bucket++) {
    const start = Math.floor((bucket * count) / buckets)
    const end = Math.max(start + 1, Math.floor(((bucket + 1) * count) / buckets))
    let [least, greatest] = [127, -128]
    for (let at = start; at < end; at++) {
      least = Math.min(least, data[at * 2] ?? 0)
      greatest = Math.max(greatest, data[at * 2 + 1] ?? 0)
    }
    merged[bucket * 2] = least
    merged[bucket * 2 + 1] = greatest
  }
  return merged
}

/** Makes what `audiowaveform` writes as JSON (https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md). */
export function waveformJson({ sampleRate, samplesPerPeak, data }: Peaks) {
  return {
    version: 2,
    channels: 1,
    sample_rate: sampleRate,
    samples_per_pixel: samplesPerPeak,
    bits: 8,
    length: data.length / 2,
    data: [...data],
  }
}

/** Makes the binary form of the same, a .dat file. */
export function waveformDat({ sampleRate, samplesPerPeak, data }: Peaks): Buffer {
  const header = Buffer.alloc(24)
  const eightBits = 1
  for (const [index, value] of [2, eightBits, sampleRate, samplesPerPeak, data.length / 2, 1].entries())
    header.writeUInt32LE(value, index * 4)
  return Buffer.concat([header, Buffer.from(data.buffer, data.byteOffset, data.length)])
}
