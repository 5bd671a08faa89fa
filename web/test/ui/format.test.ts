import { expect, test } from 'vitest'
import { sizeText, spanText } from '../../src/ui/format.ts'

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 kB'],
  [1_449_000, '1.4 MB'],
  [999_600, '1.0 MB'],
  [123_456_789, '123 MB'],
  [64 * 1024 ** 3, '68.7 GB'],
])('%i bytes are %s', (bytes, text) => {
  expect(sizeText(bytes)).toBe(text)
})

test.each([
  [0.4, '0 s'],
  [59, '59 s'],
  [90, '2 min'],
  [3_600, '1 h'],
  [7_500, '2 h 5 min'],
  [6.99 * 86_400, '7 days'],
])('%d seconds are %s', (seconds, text) => {
  expect(spanText(seconds)).toBe(text)
})
