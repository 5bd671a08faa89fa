import { expect, test } from 'vitest'
import { RateLimit } from '../../src/peers/rate-limit.ts'

test('a network may do something so often at once, and then at the rate', () => {
  let now = 0
  const limit = new RateLimit({ perSecond: 2, burst: 3 }, () => now)
  const count = () => Array.from({ length: 10 }, () => limit.admits('a')).filter(Boolean).length
  expect(count()).toBe(3)
  now += 1_000
  expect(count()).toBe(2)
  now += 3_600_000
  expect(count()).toBe(3)
  expect(limit.admits('b')).toBe(true)
})

test('what was quiet longest is forgotten', () => {
  const limit = new RateLimit({ perSecond: 0, burst: 1 }, () => 0)
  expect(limit.admits('first')).toBe(true)
  expect(limit.admits('first')).toBe(false)
  for (let number = 0; number < 20_000; number++) limit.admits(String(number))
  expect(limit.admits('first')).toBe(true)
})
