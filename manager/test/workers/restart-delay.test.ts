import { expect, test } from 'vitest'
import { planRestart } from '../../src/workers/restart-delay.ts'

test('starts again at once what had served, however short', () => {
  expect(planRestart({ livedMs: 300, hasServed: true, failureCount: 0 }, 0.5)).toEqual({ delayMs: 0, failureCount: 1 })
  expect(planRestart({ livedMs: 60_000, hasServed: true, failureCount: 7 }, 0.5)).toEqual({
    delayMs: 0,
    failureCount: 0,
  })
})

test('waits longer each time that it does not last, up to half a minute', () => {
  const delays: number[] = []
  for (let failureCount = 1; failureCount < 12; ) {
    const plan = planRestart({ livedMs: 100, hasServed: true, failureCount }, 1)
    delays.push(plan.delayMs)
    failureCount = plan.failureCount
  }
  expect(delays.slice(0, 4)).toEqual([1_000, 2_000, 4_000, 8_000])
  expect(delays.at(-1)).toBe(30_000)
})

test('waits where it has never served: what it lacks will not be there at once', () => {
  const { delayMs } = planRestart({ livedMs: 200, hasServed: false, failureCount: 0 }, 0)
  expect(delayMs).toBeGreaterThan(0)
})
