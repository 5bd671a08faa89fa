import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { UploadMemory, type UploadShare } from '../../../src/chunks/writing/upload-memory.ts'

const LIMIT = 8_000
const CHUNK = 1_000
/** Large files may have so much of it: an eighth is kept for small ones, and a chunk for whoever finishes one. */
const LARGE = 6_000

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const join = (memory: UploadMemory, fields: { isSmall?: boolean; caller?: AbortController } = {}): UploadShare =>
  memory.join({ isSmall: false, caller: new AbortController(), ...fields })

/** Watches a promise without waiting for it. */
function watch(promise: Promise<unknown>) {
  const seen = { outcome: 'waits' }
  promise.then(
    () => {
      seen.outcome = 'ok'
    },
    (error: Error) => {
      seen.outcome = error.name
    },
  )
  return seen
}
const soon = () => vi.advanceTimersByTimeAsync(0)

test('who finds no room waits, first come first served, and has it as soon as it is given back', async () => {
  const memory = new UploadMemory(LIMIT, CHUNK)
  const [a, b, c] = [join(memory), join(memory), join(memory)]
  await a.take(LARGE - 100)
  const [large, little] = [watch(b.take(200)), watch(c.take(100))]
  await soon()
  expect([large.outcome, little.outcome, memory.usedBytes, memory.waitingCount]).toEqual([
    'waits',
    'waits',
    LARGE - 100,
    2,
  ])
  a.give(50)
  await soon()
  expect([large.outcome, little.outcome]).toEqual(['waits', 'waits'])
  a.give(150)
  await soon()
  expect([large.outcome, little.outcome, memory.usedBytes, memory.waitingCount]).toEqual(['ok', 'ok', LARGE, 0])
})

test('an eighth is kept for small files, and while large ones wait they have no more than that', async () => {
  const memory = new UploadMemory(LIMIT, CHUNK)
  const [large, small] = [join(memory), join(memory, { isSmall: true })]
  await large.take(LARGE)
  expect(watch(join(memory).take(1)).outcome).toBe('waits')
  await small.take(1_000)
  large.give(500)
  const more = watch(small.take(400))
  await soon()
  expect([more.outcome, memory.usedBytes]).toEqual(['ok', 1_000 + LARGE - 500 + 1 + 400])

  const waits = watch(join(memory).take(600))
  small.give(300)
  const third = watch(join(memory, { isSmall: true }).take(100))
  await soon()
  expect([waits.outcome, third.outcome]).toEqual(['waits', 'waits'])
  large.give(400)
  await soon()
  expect([waits.outcome, third.outcome]).toEqual(['ok', 'ok'])
})

test('who has waited for 10 s is refused, and no sooner', async () => {
  const memory = new UploadMemory(LIMIT, CHUNK)
  const holder = join(memory)
  await holder.take(LARGE)
  holder.handOn(LARGE, new Promise(() => undefined))
  const refused = watch(join(memory).take(1))
  await vi.advanceTimersByTimeAsync(9_999)
  expect(refused.outcome).toBe('waits')
  await vi.advanceTimersByTimeAsync(1)
  expect([refused.outcome, memory.waitingCount]).toEqual(['OVERLOADED', 0])
})

test('who goes away waits no longer, and what an upload held is free when it ends', async () => {
  const memory = new UploadMemory(LIMIT, CHUNK)
  const gone = new AbortController()
  const holder = join(memory)
  await holder.take(LARGE)
  const waiting = join(memory, { caller: gone })
  const [first, second, third] = [watch(waiting.take(10)), join(memory), join(memory)]
  const ended = watch(second.take(20))
  const served = watch(third.take(30))
  gone.abort()
  second[Symbol.dispose]()
  await soon()
  expect([first.outcome, ended.outcome, served.outcome]).toEqual(['CANCELLED', 'CANCELLED', 'waits'])
  holder[Symbol.dispose]()
  holder[Symbol.dispose]()
  await soon()
  expect([served.outcome, memory.usedBytes]).toEqual(['ok', 30])
  await expect(join(memory, { caller: gone }).take(LARGE)).rejects.toMatchObject({ name: 'CANCELLED' })
})

test('what is handed on is held until it is settled, also when that fails and after the upload has ended', async () => {
  const memory = new UploadMemory(LIMIT, CHUNK)
  const share = join(memory)
  await share.take(5_000)
  let settle = (): void => undefined
  share.handOn(3_000, new Promise<void>((resolve) => (settle = resolve)))
  share.handOn(1_000, Promise.reject(new Error('a store that fails')))
  await soon()
  expect(memory.usedBytes).toBe(4_000)
  share[Symbol.dispose]()
  expect(memory.usedBytes).toBe(3_000)
  settle()
  await soon()
  expect(memory.usedBytes).toBe(0)
  expect(() => share.give(1)).toThrow('Internal')
})

/** Holds some bytes and goes on to take one byte each so many milliseconds. */
async function send(memory: UploadMemory, everyMs: number, bytes = 100) {
  const share = join(memory)
  await share.take(bytes)
  const timer = setInterval(() => void share.take(1).catch(() => clearInterval(timer)), everyMs)
  return share
}

test('while others wait the slowest sender is ended, one a second, and told why', async () => {
  const memory = new UploadMemory(LIMIT, CHUNK)
  const slow = await send(memory, 1_000)
  const slower = await send(memory, 3_000)
  const fast = await send(memory, 10, 5_000)
  await vi.advanceTimersByTimeAsync(5_000)
  expect([slow, slower, fast].map(({ signal }) => signal.aborted)).toEqual([false, false, false])
  const waiting = watch(join(memory).take(1_000))
  await vi.advanceTimersByTimeAsync(900)
  expect(slower.signal.aborted).toBe(false)
  await vi.advanceTimersByTimeAsync(200)
  expect(slower.signal.reason).toMatchObject({ name: 'REQUEST_TIMEOUT', detail: expect.stringContaining('memory') })
  await expect(slower.take(1)).rejects.toMatchObject({ name: 'REQUEST_TIMEOUT' })
  expect(slow.signal.aborted).toBe(false)
  slower[Symbol.dispose]()
  await vi.advanceTimersByTimeAsync(1_000)
  expect([slow.signal.aborted, fast.signal.aborted, waiting.outcome]).toEqual([true, false, 'waits'])
  fast[Symbol.dispose]()
  await soon()
  expect(waiting.outcome).toBe('ok')
})

test('a young sender is spared, and so is one that holds nothing', async () => {
  const memory = new UploadMemory(LIMIT, CHUNK)
  const idle = join(memory)
  await vi.advanceTimersByTimeAsync(5_000)
  const young = join(memory)
  await young.take(LARGE)
  const waiting = watch(join(memory).take(10))
  await vi.advanceTimersByTimeAsync(1_990)
  expect([young.signal.aborted, idle.signal.aborted, waiting.outcome]).toEqual([false, false, 'waits'])
  await vi.advanceTimersByTimeAsync(1_100)
  expect([young.signal.aborted, idle.signal.aborted]).toEqual([true, false])
})

test('the pace of a sender is that of its last chunks, not of its whole life', async () => {
  const memory = new UploadMemory(LIMIT, CHUNK)
  const [once, always] = [join(memory), join(memory)]
  await once.take(5_000)
  once.handOn(5_000, Promise.resolve())
  await always.take(1_000)
  for (const share of [once, always]) {
    await share.take(100)
    await vi.advanceTimersByTimeAsync(20_000)
    share.handOn(100, Promise.resolve())
  }
  await once.take(10)
  await always.take(LARGE - 1_010)
  const waiting = watch(join(memory).take(10))
  await vi.advanceTimersByTimeAsync(1_100)
  expect([once.signal.aborted, always.signal.aborted, waiting.outcome]).toEqual([true, false, 'waits'])
})

test('while file-servers have most of the memory no sender is to blame', async () => {
  const memory = new UploadMemory(LIMIT, CHUNK)
  const [stored, sender] = [join(memory), join(memory)]
  await stored.take(4_000)
  stored.handOn(4_000, new Promise(() => undefined))
  await sender.take(2_000)
  const waiting = watch(join(memory).take(10))
  await vi.advanceTimersByTimeAsync(10_000)
  expect([sender.signal.aborted, waiting.outcome]).toEqual([false, 'OVERLOADED'])
})

test('where all hold a piece of a chunk and wait for the rest, one after the other finishes it', async () => {
  const memory = new UploadMemory(LIMIT, 3_000)
  const shares = Array.from({ length: 4 }, () => join(memory))
  for (const share of shares) await share.take(1_000)
  const rest = shares.map((share) => watch(share.take(2_000)))
  const outcomes = () => rest.map(({ outcome }) => outcome)
  await soon()
  expect([outcomes(), memory.usedBytes]).toEqual([['ok', 'waits', 'waits', 'waits'], 6_000])
  for (const [index, share] of shares.entries()) {
    share.handOn(3_000, pauseFor(10))
    share[Symbol.dispose]()
    await vi.advanceTimersByTimeAsync(10)
    expect(outcomes().slice(0, index + 2)).toEqual(Array.from({ length: Math.min(4, index + 2) }, () => 'ok'))
  }
  expect([memory.usedBytes, memory.waitingCount]).toEqual([0, 0])
})

test('of many quick senders at once nobody is ended, and all finish what they send', async () => {
  const memory = new UploadMemory(128 * 1024 ** 2)
  const chunkBytes = 4 * 1024 ** 2
  let finishedCount = 0
  const upload = async (): Promise<void> => {
    using share = join(memory)
    for (let chunk = 0; chunk < 3; chunk++) {
      for (let bytes = 0; bytes < chunkBytes; bytes += 65_536) {
        await pauseFor(2)
        await share.take(65_536)
      }
      share.handOn(chunkBytes, pauseFor(30))
    }
    finishedCount++
  }
  const all = Promise.allSettled(Array.from({ length: 64 }, upload))
  await vi.advanceTimersByTimeAsync(60_000)
  await all
  expect(finishedCount).toBe(64)
})

test('nobody is ended for the sake of an upload that is the slowest itself', async () => {
  const memory = new UploadMemory(LIMIT, CHUNK)
  const [fast, slow] = [join(memory), join(memory)]
  await fast.take(5_900)
  await slow.take(10)
  await vi.advanceTimersByTimeAsync(3_000)
  const waiting = watch(slow.take(5_000))
  await vi.advanceTimersByTimeAsync(9_999)
  expect([fast.signal.aborted, slow.signal.aborted, waiting.outcome]).toEqual([false, false, 'waits'])
  await vi.advanceTimersByTimeAsync(1)
  expect([fast.signal.aborted, waiting.outcome]).toEqual([false, 'OVERLOADED'])
})

test('invariant 9: a thousand slow senders stay within the limit, and small files come through meanwhile', async () => {
  const memory = new UploadMemory(16 * 1024 ** 2)
  const chunkBytes = 4 * 1024 ** 2
  const errors = new Map<string, number>()
  let mostBytes = 0
  const note = (): void => {
    mostBytes = Math.max(mostBytes, memory.usedBytes)
  }
  const upload = async (index: number): Promise<void> => {
    using share = join(memory)
    const ended = new Promise((_, reject) => share.signal.addEventListener('abort', () => reject(share.signal.reason)))
    ended.catch(() => undefined)
    try {
      for (let bytes = 0; bytes < chunkBytes; bytes += 65_536) {
        await share.take(65_536)
        note()
        await Promise.race([pauseFor(2_000 + index), ended])
      }
      share.handOn(chunkBytes, pauseFor(50))
    } catch (error) {
      const { name } = error as Error
      errors.set(name, (errors.get(name) ?? 0) + 1)
    }
  }
  const all = Promise.all(Array.from({ length: 1_000 }, (_, index) => upload(index)))
  for (let second = 0; second < 300; second++) {
    using small = join(memory, { isSmall: true })
    const seen = watch(small.take(4_096))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(seen.outcome).toBe('ok')
    expect(errors.get('REQUEST_TIMEOUT') ?? 0).toBeLessThanOrEqual(second + 1)
  }
  await all
  expect(mostBytes).toBeLessThanOrEqual(16 * 1024 ** 2)
  expect(errors.get('OVERLOADED')).toBeGreaterThan(500)
  expect(errors.get('REQUEST_TIMEOUT')).toBeGreaterThan(5)
  expect(errors.size).toBe(2)
  expect([memory.usedBytes, memory.waitingCount, vi.getTimerCount()]).toEqual([0, 0, 0])
})

function pauseFor(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
