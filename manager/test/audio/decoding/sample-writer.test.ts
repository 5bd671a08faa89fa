import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { SampleWriter } from '../../../src/audio/decoding/sample-writer.ts'

async function written(pieces: readonly (readonly Float32Array[])[], rates: { from: number; to: number }) {
  const out = new PassThrough()
  const writer = new SampleWriter(out, rates.to)
  for (const channels of pieces) await writer.write(channels, rates.from)
  const bytes: Buffer = out.read() ?? Buffer.alloc(0)
  return Array.from({ length: bytes.length / 2 }, (_, index) => bytes.readInt16LE(index * 2))
}
const ramp = (length: number) => Float32Array.from({ length }, (_, index) => index / length)

test('channels are mixed, and what lies beyond full is cut', async () => {
  const channels = [Float32Array.of(1, -1, 2), Float32Array.of(0, -1, 2)]
  expect(await written([channels], { from: 8_000, to: 8_000 })).toEqual([16_384, -32_767, 32_767])
})

test.each([
  [48_000, 16_000],
  [16_000, 44_100],
  [44_100, 44_100],
])('as many samples come out as the time takes, however they are cut: %i to %i', async (from, to) => {
  const pieces = [1, 999, 1_000, 7].map((length) => [ramp(length)])
  const samples = await written(pieces, { from, to })
  expect(Math.abs(samples.length - (2_007 * to) / from)).toBeLessThanOrEqual(1)
})

test('a file whose rates lie far apart is refused before memory is taken for it', async () => {
  await expect(written([[ramp(64 * 1024)]], { from: 1, to: 32_000 })).rejects.toThrow('at a rate of 1')
})
