import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  inBuckets,
  MAX_PEAKS,
  PeakMeter,
  type Peaks,
  waveformDat,
  waveformJson,
} from '../../../src/audio/decoding/peaks.ts'

function draw(samples: readonly number[], pieceBytes = 1_000): Peaks {
  // Machines that run Node hold the lower byte first, as PCM does.
  const bytes = Buffer.from(Int16Array.from(samples).buffer)
  const meter = new PeakMeter()
  for (let at = 0; at < bytes.length; at += pieceBytes) meter.push(bytes.subarray(at, at + pieceBytes))
  expect(meter.sampleCount).toBe(samples.length)
  return meter.end(8_000)
}

test('each peak has the least and the greatest of its samples, wherever the bytes are cut', () => {
  const samples = Array.from({ length: 200 }, (_, index) => (index === 100 ? 32_767 : index === 150 ? -32_768 : 0))
  for (const pieceBytes of [1, 3, 7, 1_000]) {
    const { data, samplesPerPeak } = draw(samples, pieceBytes)
    expect([samplesPerPeak, ...data]).toEqual([64, 0, 0, 0, 127, -128, 0, 0, 0])
  }
})

test('any file is drawn in at most so many peaks that cover it, and its extremes are in them', () => {
  const bound = { min: -32_768, max: 32_767 }
  fc.assert(
    fc.property(fc.nat(600_000), fc.integer(bound), fc.nat(), (length, extreme, place) => {
      const samples = new Array<number>(length).fill(0)
      if (length > 0) samples[place % length] = extreme
      const { data, samplesPerPeak } = draw(samples, 65_536)
      expect(data.length / 2).toBe(Math.ceil(length / samplesPerPeak))
      expect(data.length / 2).toBeLessThanOrEqual(MAX_PEAKS)
      if (length > 0) expect(data.includes(extreme >> 8)).toBe(true)
    }),
    { numRuns: 20 },
  )
})

test('fewer buckets have the extremes of more, and cover the same', () => {
  const peaks: Peaks = {
    sampleRate: 8_000,
    samplesPerPeak: 64,
    data: Int8Array.from([-1, 1, -5, 2, -3, 9, 0, 0, -2, 4]),
  }
  expect([...inBuckets(peaks, 2).data]).toEqual([-5, 2, -3, 9])
  expect(inBuckets(peaks, 2).samplesPerPeak).toBe(160)
  expect([...inBuckets(peaks, 1).data]).toEqual([-5, 9])
  expect(inBuckets(peaks, 5)).toBe(peaks)
  expect(inBuckets(peaks, 99)).toBe(peaks)
})

test('both forms say the same', () => {
  const peaks: Peaks = { sampleRate: 44_100, samplesPerPeak: 128, data: Int8Array.from([-128, 127, -1, 1]) }
  expect(waveformJson(peaks)).toEqual({
    version: 2,
    channels: 1,
    sample_rate: 44_100,
    samples_per_pixel: 128,
    bits: 8,
    length: 2,
    data: [-128, 127, -1, 1],
  })
  const dat = waveformDat(peaks)
  expect([0, 4, 8, 12, 16, 20].map((at) => dat.readInt32LE(at))).toEqual([2, 1, 44_100, 128, 2, 1])
  expect([...new Int8Array(dat.subarray(24))]).toEqual([-128, 127, -1, 1])
})
