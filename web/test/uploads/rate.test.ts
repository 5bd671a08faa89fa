import { expect, test } from 'vitest'
import { noRate, rateAfter, secondsLeft } from '../../src/uploads/rate.ts'

test('a steady upload has its rate from the first measure on', () => {
  let rate = noRate(0)
  for (let second = 1; second <= 5; second++) {
    rate = rateAfter(rate, second * 2_000_000, second * 1_000)
    expect(rate.bytesPerSecond).toBeCloseTo(2_000_000)
  }
  expect(secondsLeft(rate, 6_000_000)).toBeCloseTo(3)
})

test('a rate follows a change within seconds, and begins anew with a new attempt', () => {
  let rate = rateAfter(noRate(0), 10_000_000, 1_000)
  for (let second = 2; second <= 11; second++) rate = rateAfter(rate, 10_000_000 + second * 1_000, second * 1_000)
  expect(rate.bytesPerSecond).toBeLessThan(500_000)
  expect(rateAfter(rate, 0, 12_000)).toEqual(noRate(12_000, 0))
})

test('what stands still has no end, and measures too close to each other are left out', () => {
  expect(secondsLeft(noRate(0), 5)).toBeNull()
  const rate = rateAfter(noRate(0), 1_000, 1_000)
  expect(rateAfter(rate, 9_000, 1_050)).toBe(rate)
})
