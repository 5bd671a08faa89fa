import { createHash, hash, randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import { FRAME_BYTES } from '@holdfast/shared/limits'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { CopyHash } from '../../src/store/copy-hash.ts'
import { HashThread } from '../../src/store/hash-thread.ts'

let thread: HashThread
beforeEach(() => {
  thread = new HashThread()
})
afterEach(async () => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  await thread.close()
})

const bytesOf = (lengthBytes: number): Buffer => randomFillSync(Buffer.alloc(lengthBytes))

/** Hands in a copy in pieces, each in the same memory, as a decoder does; and checks its digest. */
async function expectHashed(copy: Buffer, pieceBytes: number, copyHash: CopyHash = thread.start()): Promise<void> {
  const room = Buffer.alloc(pieceBytes)
  for (let at = 0; at < copy.length; at += pieceBytes) {
    const length = copy.copy(room, 0, at, at + pieceBytes)
    await copyHash.update(room.subarray(0, length))
    room.fill(0xee)
  }
  expect(await copyHash.digest()).toBe(hash('sha256', copy))
}

test('each copy gets its digest, whatever its pieces, whose memory is free as soon as they are handed in', async () => {
  for (const [size, piece] of [
    [0, 1],
    [1, 1],
    [5_000, 7],
    [FRAME_BYTES, FRAME_BYTES],
    [3 * FRAME_BYTES + 5, FRAME_BYTES + 1],
    [40 * FRAME_BYTES, 12 * FRAME_BYTES],
  ] as const)
    await expectHashed(bytesOf(size), piece)
})

test('many copies at once are not mixed up, though all wait for the same few cells', async () => {
  const copies = Array.from({ length: 40 }, (_, index) => bytesOf(index * 70_001))
  await Promise.all(copies.map((copy, index) => expectHashed(copy, 10_000 + index * 9_000)))
})

test('a thread that falls asleep between pieces wakes up to what is there, and to no more', async () => {
  const piece = bytesOf(64)
  const copyHash = thread.start()
  const whole = createHash('sha256')
  for (let number = 0; number < 20_000; number++) {
    await copyHash.update(piece)
    whole.update(piece)
    // As long as a piece takes the thread, more or less: it is asleep, awake, or about to be either.
    for (let spin = number % 2_000; spin > 0; spin--) piece[spin % 64] = spin
  }
  expect(await copyHash.digest()).toBe(whole.digest('hex'))
})

test('a copy that is given up leaves the others alone, and more of them come than there are cells', async () => {
  const others = Array.from({ length: 50 }, () => thread.start())
  for (const other of others) await other.update(bytesOf(1_000))
  const copy = bytesOf(1_000_000)
  const hashing = expectHashed(copy, 100_000)
  for (const other of others) {
    other.drop()
    other.drop()
  }
  await hashing
  await expectHashed(copy, 300_000)
})

/** The thread as it is started. */
async function startWatched(): Promise<Worker> {
  const started = once(process, 'worker')
  await expectHashed(bytesOf(10), 10)
  const [worker] = (await started) as [Worker]
  return worker
}

test('whoever uses a thread that has ended is told so, and the next copy gets a new one', async () => {
  const worker = await startWatched()
  const begun = thread.start()
  await begun.update(bytesOf(1_000))
  const waiting = Array.from({ length: 30 }, () => {
    const copyHash = thread.start()
    return copyHash.update(bytesOf(10 * FRAME_BYTES)).then(() => copyHash.digest())
  })
  const outcomes = Promise.allSettled(waiting)
  await worker.terminate()
  for (const outcome of await outcomes)
    expect(outcome).toMatchObject({ status: 'rejected', reason: { name: 'INTERNAL', detail: 'the hash thread ended' } })
  await expect(begun.update(bytesOf(10))).rejects.toMatchObject({ name: 'INTERNAL' })
  await expect(begun.digest()).rejects.toMatchObject({ name: 'INTERNAL' })
  begun.drop()
  await expectHashed(bytesOf(1_000_000), 70_000)
})

test('a thread that says nothing while somebody waits for it is given up at the deadline', async () => {
  const worker = await startWatched()
  const copyHash = thread.start()
  await copyHash.update(bytesOf(10))
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  // What it says is not heard.
  worker.removeAllListeners('message')
  const outcome = copyHash.digest().catch((error: unknown) => error)
  await vi.advanceTimersByTimeAsync(59_999)
  const next = thread.start()
  await vi.advanceTimersByTimeAsync(1)
  vi.useRealTimers()
  expect(await outcome).toMatchObject({ name: 'INTERNAL', cause: 'it does not answer' })
  await expect(next.digest()).rejects.toMatchObject({ name: 'INTERNAL' })
  await expectHashed(bytesOf(100_000), 1_000)
})

test('closing what never started, or twice, ends at once', async () => {
  await thread.close()
  await expectHashed(bytesOf(10), 10)
  await thread.close()
  await thread.close()
  await expectHashed(bytesOf(10), 10)
})
