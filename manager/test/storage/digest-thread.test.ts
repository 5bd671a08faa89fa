import { hash, randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { PART_BYTES } from '@holdfast/shared/limits'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { DigestThread } from '../../src/storage/digest-thread.ts'

let thread: DigestThread
beforeEach(() => {
  thread = new DigestThread()
})
afterEach(() => thread.close())

const sha256Of = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer')
const part = (lengthBytes: number): Buffer => randomFillSync(Buffer.alloc(lengthBytes))

/** Digests bytes in memory that is handed over, and checks that they come back with their own digest. */
async function expectDigested(bytes: Buffer): Promise<void> {
  const wanted = Buffer.from(bytes)
  const digested = await thread.digest(bytes)
  expect(digested.bytes.equals(wanted)).toBe(true)
  expect(digested.sha256).toEqual(sha256Of(wanted))
}

test('each part comes back with its digest', async () => {
  for (const length of [1, 0, 4_096, 1_000_003, PART_BYTES]) await expectDigested(part(length))
})

test('many at once come back each with its own bytes and digest', async () => {
  const lengths = Array.from({ length: 40 }, (_, index) => ((index * 7_919) % 23) * 10_000 + index)
  await Promise.all(lengths.map((length) => expectDigested(part(length))))
})

test.each([
  ['at the beginning', 0, 1_000],
  ['in the middle', 777, 3_000],
  ['at the end', 9_000, 10_000],
])('of a view %s of its memory just the bytes of the view are digested and come back', async (_, start, end) => {
  await expectDigested(part(10_000).subarray(start, end))
})

test('the memory is handed over and comes back whole, for the next part', async () => {
  const memory = part(PART_BYTES)
  const wanted = Buffer.from(memory.subarray(0, 1_000))
  const handedOver = memory.subarray(0, 1_000)
  const digesting = thread.digest(handedOver)
  expect([memory.length, handedOver.length]).toEqual([0, 0])
  const { bytes } = await digesting
  expect([bytes.equals(wanted), bytes.buffer.byteLength]).toEqual([true, PART_BYTES])
  // Again, as the next download uses it.
  await expectDigested(randomFillSync(Buffer.from(bytes.buffer)))
})

test('whoever waits when it is closed is told, and the next one gets a new thread', async () => {
  const waiting = [part(1_000), part(PART_BYTES), part(0)].map((bytes) => thread.digest(bytes))
  const outcomes = Promise.allSettled(waiting)
  await thread.close()
  for (const outcome of await outcomes)
    expect(outcome).toMatchObject({ status: 'rejected', reason: { name: 'INTERNAL' } })
  await expectDigested(part(1_000))
})

test('closing what never started, or twice, ends at once', async () => {
  await thread.close()
  await expectDigested(part(10))
  await thread.close()
  await thread.close()
  await expectDigested(part(10))
})

test('whoever waits when the thread dies is told why, and the next one gets a new thread', async () => {
  const started = once(process, 'worker')
  await expectDigested(part(10))
  const [worker] = (await started) as [Worker]
  worker.postMessage(null) // its program reads fields of what it is sent
  const outcomes = await Promise.allSettled([part(20), part(30)].map((bytes) => thread.digest(bytes)))
  for (const outcome of outcomes)
    expect(outcome).toMatchObject({ reason: { name: 'INTERNAL', cause: { name: 'TypeError' } } })
  await expectDigested(part(40))
})

test('a thread that does not answer is given up at the deadline, and the next one gets a new thread', async () => {
  await expectDigested(part(10))
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const deaf = vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(() => undefined)
  const outcomes = Promise.allSettled([part(20), part(30)].map((bytes) => thread.digest(bytes)))
  deaf.mockRestore()
  await vi.advanceTimersByTimeAsync(10_000)
  vi.useRealTimers()
  for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { name: 'INTERNAL' } })
  await expectDigested(part(40))
})

test('bytes that cannot be handed over are refused, and nobody else gets their answer', async () => {
  const shared = Buffer.from(new SharedArrayBuffer(10))
  await expect(thread.digest(shared)).rejects.toThrow()
  await Promise.all([part(20), part(30), part(40)].map(expectDigested))
})
