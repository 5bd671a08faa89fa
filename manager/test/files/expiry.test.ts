import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseExpiry } from '../../src/files/expiry.ts'

const now = new Date('2026-11-29T05:30:00.000Z')
const later = new Date('2026-11-29T06:00:00.000Z')

test.each([
  ['90s', '2026-11-29T06:01:30.000Z'],
  ['15m', '2026-11-29T06:15:00.000Z'],
  ['12h', '2026-11-29T18:00:00.000Z'],
  ['7d', '2026-12-06T06:00:00.000Z'],
  ['2w', '2026-12-13T06:00:00.000Z'],
  ['36525d', '2126-11-30T06:00:00.000Z'],
  ['2026-11-29T05:30:00.001Z', '2026-11-29T05:30:00.001Z'],
  ['2027-01-02t03:04:05z', '2027-01-02T03:04:05.000Z'],
  ['2027-01-02T03:04:05.678901+01:30', '2027-01-02T01:34:05.678Z'],
  ['2027-01-02T03:04:05 01:30', '2027-01-02T01:34:05.000Z'],
  ['2027-01-02T03:04:05-11:00', '2027-01-02T14:04:05.000Z'],
  ['2028-02-29', '2028-02-29T00:00:00.000Z'],
])('%s counts from when the file is there, or is the date itself', (text, expected) => {
  expect(parseExpiry(text, now)(later).toISOString()).toBe(expected)
})

test.each<readonly [string, string]>([
  ['0s', 'future'],
  ['00w', 'future'],
  ['2026-11-29T05:30:00Z', 'future'],
  ['2026-11-29', 'future'],
  ['1970-01-01', 'future'],
  ['36526d', '100 years'],
  ['999999999999999w', '100 years'],
  ['2126-12-01', '100 years'],
  ['9999-12-31T23:59:59Z', '100 years'],
  ...['', '-1d', '+1d', '1', '7 d', '7D', '1y', '1.5h', 'd', '1d12h', '1e3s', '0x10s', 'never', 'null'].map(
    (text) => [text, 'duration'] as const,
  ),
  ...['2027-02-29', '2027-13-01', '2027-01-00', '2027-1-1', '2027-01-02T03:04:05', '2027-01-02T03:04Z', '2027'].map(
    (text) => [text, 'duration'] as const,
  ),
  ...['2027-01-02T25:00:00Z', '2027-01-02T03:04:60Z', '2027-01-02T03:04:05+25:00', '+012027-01-01', 'Jan 2 2027'].map(
    (text) => [text, 'duration'] as const,
  ),
  [`${'9'.repeat(10_000)}s`, 'duration'],
  ['9999999999999999s', 'duration'],
])('refuses %s', (text, reason) => {
  expect(() => parseExpiry(text, now, 'expiresAt')).toThrow(
    expect.objectContaining({ name: 'INVALID_REQUEST', detail: expect.stringMatching(`^expiresAt must .*${reason}`) }),
  )
})

test('reads back any date within a hundred years', () => {
  const max = new Date('2126-01-01')
  fc.assert(
    fc.property(fc.date({ min: later, max, noInvalidDate: true }), (date) => {
      expect(parseExpiry(date.toISOString(), now)(later)).toEqual(date)
    }),
  )
})
