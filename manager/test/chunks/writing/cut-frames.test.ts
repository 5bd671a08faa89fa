import { BufferPool } from '@holdfast/shared/wire/buffer-pool'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { cutFrames } from '../../../src/chunks/writing/cut-frames.ts'

async function* from(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

async function cut(sizes: readonly number[], frameBytes: number): Promise<Buffer[]> {
  const frames: Buffer[] = []
  for await (const frame of cutFrames(from(sizes.map((size) => Buffer.alloc(size))), new BufferPool(frameBytes)))
    frames.push(frame.bytes)
  return frames
}

test.each<[number[], number[]]>([
  [[], []],
  [[0, 0], []],
  [[1], [1]],
  [[4], [4]],
  [[5], [4, 1]],
  [[8], [4, 4]],
  [
    [3, 0, 3],
    [4, 2],
  ],
  [
    [1, 1, 1, 1, 1],
    [4, 1],
  ],
])('chunks of %j become frames of %j', async (chunks, frames) => {
  expect((await cut(chunks, 4)).map((frame) => frame.length)).toEqual(frames)
})

test('whatever the chunks, the bytes are the same and only the last frame is shorter', async () => {
  const property = fc.asyncProperty(
    fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }),
    fc.integer({ min: 1, max: 17 }),
    async (chunks, frameBytes) => {
      const frames: Buffer[] = []
      for await (const frame of cutFrames(from(chunks), new BufferPool(frameBytes))) frames.push(frame.bytes)
      expect(Buffer.concat(frames).equals(Buffer.concat(chunks))).toBe(true)
      for (const frame of frames.slice(0, -1)) expect(frame.length).toBe(frameBytes)
      if (frames.length > 0) expect(frames.at(-1)?.length).toBeGreaterThan(0)
    },
  )
  await fc.assert(property, { numRuns: 200 })
})

test('a frame that was handed out is not written to again', async () => {
  const frames = cutFrames(from([Buffer.from('aaaa'), Buffer.from('bbbb')]), new BufferPool(4))
  const first = (await frames.next()).value
  await frames.next()
  expect(first?.bytes.toString()).toBe('aaaa')
})

test('who stops early lets the source go', async () => {
  const source = from([Buffer.alloc(10), Buffer.alloc(10)])
  const end = vi.spyOn(source, 'return')
  for await (const frame of cutFrames(source, new BufferPool(4))) if (frame.bytes.length === 4) break
  expect(end).toHaveBeenCalledTimes(1)
})
