import { once } from 'node:events'
import type { Writable } from 'node:stream'

/** Decoders may double a rate, or know but one. A file whose rates lie further apart makes memory of nothing. */
const MOST_TIMES = 16

/** Writes samples as one channel of 16 bits at a fixed rate, which is what `PeakMeter` reads. */
export class SampleWriter {
  readonly #out: Writable
  readonly #rate: number
  /** Tells how far the next sample that is written lies behind the next one that is read, in samples that are read. */
  #ahead = 0

  constructor(out: Writable, rate: number) {
    this.#out = out
    this.#rate = rate
  }

  /** Mixes the channels, and repeats or leaves out samples where the rate is another: peaks and lengths need no more. */
  async write(channels: readonly Float32Array[], rate: number): Promise<void> {
    const count = channels[0]?.length ?? 0
    if (count === 0) return
    const step = rate / this.#rate
    if (!(step >= 1 / MOST_TIMES && step <= MOST_TIMES)) throw new Error(`its samples come at a rate of ${rate}`)
    const bytes = Buffer.allocUnsafe(2 * (Math.ceil(count / step) + 1))
    let at = this.#ahead
    let length = 0
    for (; at < count; at += step) {
      let sum = 0
      for (const channel of channels) sum += channel[Math.floor(at)] ?? 0
      const sample = Math.round((sum / channels.length) * 32_767)
      length = bytes.writeInt16LE(Math.max(-32_768, Math.min(32_767, sample || 0)), length)
    }
    this.#ahead = at - count
    if (!this.#out.write(bytes.subarray(0, length))) await once(this.#out, 'drain')
  }
}
