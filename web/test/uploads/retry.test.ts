import { expect, test } from 'vitest'
import { isWorthRetrying, retryDelayMs } from '../../src/uploads/retry.ts'

test('waits double up to a bound, and are spread by a quarter', () => {
  expect([1, 2, 3, 4, 5, 20].map((failures) => retryDelayMs(failures, 0.5))).toEqual([
    1_000, 2_000, 4_000, 8_000, 15_000, 15_000,
  ])
  expect([retryDelayMs(1, 0), retryDelayMs(1, 1)]).toEqual([750, 1_250])
})

test.each([
  [503, true],
  [500, true],
  [429, true],
  [400, false],
  [413, false],
  [422, false],
  [507, false],
])('an upload that was refused with %i is tried again: %s', (status, expected) => {
  expect(isWorthRetrying(status)).toBe(expected)
})
