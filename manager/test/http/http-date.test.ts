import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseHttpDate } from '../../src/http/http-date.ts'

const now = Date.UTC(2026, 10, 28)
const then = Date.UTC(1994, 10, 6, 8, 49, 37)

test.each([
  ['Sun, 06 Nov 1994 08:49:37 GMT', then],
  ['Sunday, 06-Nov-94 08:49:37 GMT', then],
  ['Sun Nov  6 08:49:37 1994', then],
  ['Sun Nov 16 08:49:37 1994', Date.UTC(1994, 10, 16, 8, 49, 37)],
  ['Thu, 29 Feb 2024 00:00:00 GMT', Date.UTC(2024, 1, 29)],
  ['Saturday, 01-Jan-76 00:00:00 GMT', Date.UTC(2076, 0, 1)],
  ['Saturday, 01-Jan-77 00:00:00 GMT', Date.UTC(1977, 0, 1)],
  ['Fri, 01 Jan 0050 00:00:00 GMT', Date.parse('0050-01-01T00:00:00Z')],
  ['Sat, 31 Dec 2016 23:59:60 GMT', Date.UTC(2017, 0, 1)],
])('reads %s', (text, expected) => {
  expect(parseHttpDate(text, now)).toBe(expected)
})

test.each([
  '',
  'nonsense',
  '0',
  '1994-11-06T08:49:37Z',
  'Sun, 06 Nov 1994 08:49:37',
  'Sun, 06 Nov 1994 08:49:37 UTC',
  'Sun, 06 Nov 1994 08:49:37 +0000',
  'Sun, 6 Nov 1994 08:49:37 GMT',
  'Sun, 06 Nov 94 08:49:37 GMT',
  'Sun, 06 nov 1994 08:49:37 GMT',
  'Sun, 31 Feb 1994 08:49:37 GMT',
  'Sun, 00 Nov 1994 08:49:37 GMT',
  'Sun, 06 Nov 1994 24:00:00 GMT',
  'Sun, 06 Nov 1994 08:60:37 GMT',
  'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT',
  'Sun  Nov 06 08:49:37 1994',
])('is null for what is not a date of HTTP: %j', (text) => {
  expect(parseHttpDate(text, now)).toBeNull()
})

test('reads back every second of its own writing', () => {
  const property = fc.property(fc.integer({ min: 0, max: 4e9 }), (seconds) => {
    expect(parseHttpDate(new Date(seconds * 1000).toUTCString(), now)).toBe(seconds * 1000)
  })
  fc.assert(property, { numRuns: 1_000 })
})
