import { retryDelayMs } from '@holdfast/shared/retry-delay'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const limits = { baseMs: 100, maxMs: 5_000 }

test('doubles with every attempt up to the limit', () => {
  const ceilings = [0, 1, 2, 3, 4, 5, 6, 7].map((attempt) => retryDelayMs(attempt, 1, limits))
  expect(ceilings).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000])
})

test('stays within the upper half of its ceiling, whatever the attempt and the chance', () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  const property = fc.property(fc.nat({ max: 1_000_000 }), chance, (attempt, random) => {
    const ceiling = retryDelayMs(attempt, 1, limits)
    const delay = retryDelayMs(attempt, random, limits)
    expect(delay).toBeGreaterThanOrEqual(ceiling / 2)
    expect(delay).toBeLessThanOrEqual(Math.min(ceiling, limits.maxMs))
  })
  fc.assert(property)
})
