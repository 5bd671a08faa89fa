import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { IdleWatch } from '../src/idle-watch.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('expires when nothing moves, and not while it is paused', () => {
  const watch = new IdleWatch(100)
  watch.pause()
  vi.advanceTimersByTime(1_000)
  expect(watch.hasExpired).toBe(false)
  watch.touch()
  vi.advanceTimersByTime(100)
  expect(watch.hasExpired).toBe(true)
  expect(watch.signal.aborted).toBe(true)
})

test.each([
  [100, 0, 180_000],
  [200_000, 1, 200_000],
  [100, 16 * 1024 ** 3, 180_000 + 4 * 1024 ** 2],
])('with a limit of %i ms waits for an answer to %i bytes for %i ms', (limitMs, sentBytes, patienceMs) => {
  const watch = new IdleWatch(limitMs)
  watch.awaitAnswer(sentBytes)
  vi.advanceTimersByTime(patienceMs - 1)
  expect(watch.hasExpired).toBe(false)
  vi.advanceTimersByTime(1)
  expect([watch.hasExpired, watch.runningMs]).toEqual([true, patienceMs])
})

test('runs no more when it is over, whoever touches it afterwards', () => {
  const watch = new IdleWatch(100)
  expect(vi.getTimerCount()).toBe(1)
  watch[Symbol.dispose]()
  watch.touch()
  expect(vi.getTimerCount()).toBe(0)
  expect(watch.over.aborted).toBe(true)
  expect(watch.signal.aborted).toBe(false)
})
