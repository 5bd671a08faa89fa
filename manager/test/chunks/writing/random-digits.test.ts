import { expect, test } from 'vitest'
import { RandomDigits } from '../../../src/chunks/writing/random-digits.ts'

test('gives so many hexadecimal digits at a time, beyond what is drawn at once, and none twice', () => {
  const digits = new RandomDigits(8)
  const given = Array.from({ length: 5_000 }, () => digits.next())
  for (const eight of given) expect(eight).toMatch(/^[0-9a-f]{8}$/)
  // Of 5,000 out of 2^32 two are equal once in 340 runs; that three pairs are is not to be seen.
  expect(new Set(given).size).toBeGreaterThan(4_997)
})
