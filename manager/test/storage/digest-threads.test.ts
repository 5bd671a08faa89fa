import { hash, randomFillSync } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { DigestThreads } from '../../src/storage/digest-threads.ts'

const sha256Of = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer')
const part = (): Buffer => randomFillSync(Buffer.alloc(1_000_000))

afterEach(() => vi.restoreAllMocks())

function start(count: number): DigestThreads {
  const threads = new DigestThreads(count)
  onTestFinished(() => threads.close())
  return threads
}

/** @returns the worker of each part so far. */
function watchWorkers(): Worker[] {
  const post = vi.spyOn(Worker.prototype, 'postMessage')
  return post.mock.contexts as Worker[]
}

test('parts that come together are digested by two threads, each with its own digest', async () => {
  const workers = watchWorkers()
  const threads = start(2)
  const parts = [part(), part(), part(), part()]
  const wanted = parts.map(sha256Of)
  const digested = await Promise.all(parts.map((bytes) => threads.digest(bytes)))
  expect(digested.map(({ sha256 }) => sha256)).toEqual(wanted)
  expect(workers.map((worker) => workers.indexOf(worker))).toEqual([0, 1, 0, 1])
})

test('parts one after the other need one thread', async () => {
  const workers = watchWorkers()
  const threads = start(2)
  for (const bytes of [part(), part(), part()]) await threads.digest(bytes)
  expect([workers.length, new Set(workers).size]).toEqual([3, 1])
})

test('where one thread ends, what the other one has is digested', async () => {
  const workers = watchWorkers()
  const threads = start(2)
  const [first, second] = [part(), part()]
  const wanted = sha256Of(second)
  const lost = expect(threads.digest(first)).rejects.toMatchObject({ name: 'INTERNAL' })
  const kept = threads.digest(second)
  await workers[0]?.terminate()
  await lost
  expect((await kept).sha256).toEqual(wanted)
})

test('all threads end when it is closed', async () => {
  const threads = start(2)
  const outcomes = Promise.allSettled([threads.digest(part()), threads.digest(part())])
  await threads.close()
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
})
