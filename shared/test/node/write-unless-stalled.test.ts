import { PassThrough, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect, test, vi } from 'vitest'
import { watchStall, writeUnlessStalled } from '../../src/node/write-unless-stalled.ts'

const LIMIT_MS = 50
const KIB = 1_024
const none = Buffer.alloc(0)
async function* several(...pieces: Buffer[]): AsyncGenerator<Buffer> {
  yield* pieces
}
const send = (response: Writable, first: Buffer, rest: AsyncIterable<Buffer>): Promise<void> =>
  pipeline(writeUnlessStalled(response, first, rest, LIMIT_MS), response)

test('ends a response whose client takes nothing of a piece', async () => {
  const response = new Writable({ write: () => undefined, highWaterMark: 1 })
  await expect(send(response, Buffer.alloc(200_000), several())).rejects.toMatchObject({ name: 'CANCELLED' })
})

test('ends a response whose client takes nothing of its end', async () => {
  const response = new Writable({ write: (_bytes, _encoding, done) => done(), final: () => undefined })
  await expect(send(response, Buffer.alloc(1_000), several())).rejects.toMatchObject({ name: 'CANCELLED' })
})

test('ends a small response that is handed on at once and never taken', async () => {
  const response = new Writable({ write: () => undefined })
  const failed = new Promise((resolve) => response.once('error', resolve))
  watchStall(response, LIMIT_MS)
  response.end(Buffer.alloc(10))
  expect(await failed).toMatchObject({ name: 'CANCELLED' })
})

test('lets a response go on for longer than the limit while its client takes something, byte for byte', async () => {
  const pieces = Array.from({ length: 12 }, (_, index) => Buffer.alloc(150_000, index))
  const received: Buffer[] = []
  const response = new Writable({
    highWaterMark: 1,
    write: (bytes: Buffer, _encoding, done) => {
      received.push(bytes)
      setTimeout(done, 50)
    },
  })
  const startedAt = performance.now()
  const [first = none, ...rest] = pieces
  await pipeline(writeUnlessStalled(response, first, several(...rest), 400), response)
  expect(performance.now() - startedAt).toBeGreaterThan(400)
  expect(Buffer.concat(received).equals(Buffer.concat(pieces))).toBe(true)
})

test('a client that took 16 MiB, each piece at once, gets larger pieces; one that waits gets small ones again', async () => {
  const sizes: number[] = []
  const response = new Writable({
    highWaterMark: 1,
    write: (bytes: Buffer, _encoding, done) => {
      sizes.push(bytes.length / KIB)
      setTimeout(done, sizes.length === 258 ? 1_100 : 0)
    },
  })
  await pipeline(writeUnlessStalled(response, Buffer.alloc((16 * 1024 + 1_124) * KIB), several(), 5_000), response)
  expect(sizes).toEqual([...Array<number>(256).fill(64), 512, 512, 64, 36])
})

test('forgets a response that is over', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const response = new PassThrough().resume()
    watchStall(response, LIMIT_MS)
    expect(vi.getTimerCount()).toBe(1)
    response.end('done')
    await new Promise((resolve) => response.once('close', resolve))
    expect(vi.getTimerCount()).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})
