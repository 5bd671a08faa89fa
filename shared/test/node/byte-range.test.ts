import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ByteRange, byteRangeOf } from '../../src/node/byte-range.ts'

test.each<[string | undefined, number, ByteRange | null]>([
  [undefined, 100, null],
  ['bytes=0-0', 100, { start: 0, end: 1 }],
  ['bytes=10-19', 100, { start: 10, end: 20 }],
  ['bytes=10-', 100, { start: 10, end: 100 }],
  ['bytes=-10', 100, { start: 90, end: 100 }],
  ['bytes=-1000', 100, { start: 0, end: 100 }],
  ['bytes=0-1000', 100, { start: 0, end: 100 }],
  ['bytes=0-1,5-6', 100, null],
  ['items=0-1', 100, null],
  ['nonsense', 100, null],
  ['', 100, null],
  ['bytes=0-0', 0, null],
  ['bytes=0-1048575', 0, null],
  ['bytes=7-', 0, null],
  ['bytes=-5', 0, null],
])('%j of %i bytes is %j', (header, sizeBytes, expected) => {
  expect(byteRangeOf(header, sizeBytes)).toEqual(expected)
})

test.each([
  ['bytes=100-', 100],
  ['bytes=100-200', 100],
  ['bytes=5-4', 100],
  ['bytes=-0', 100],
])('%j of %i bytes cannot be satisfied', (header, sizeBytes) => {
  expect(() => byteRangeOf(header, sizeBytes)).toThrow(expect.objectContaining({ name: 'RANGE_NOT_SATISFIABLE' }))
})

test('whatever the header, the range lies within the file and is not empty, or it is the whole, or a refusal', () => {
  const number = fc.oneof(fc.nat(300), fc.maxSafeNat())
  const header = fc.oneof(
    fc.string({ maxLength: 30 }),
    fc.tuple(number, number).map(([a, b]) => `bytes=${a}-${b}`),
    number.map((a) => `bytes=${a}-`),
    number.map((a) => `bytes=-${a}`),
    fc
      .array(fc.tuple(number, number), { maxLength: 4 })
      .map((all) => `bytes=${all.map((one) => one.join('-')).join()}`),
  )
  const property = fc.property(header, fc.nat(200), (text, sizeBytes) => {
    try {
      const range = byteRangeOf(text, sizeBytes)
      if (range === null) return
      expect(range.start).toBeGreaterThanOrEqual(0)
      expect(range.end).toBeGreaterThan(range.start)
      expect(range.end).toBeLessThanOrEqual(sizeBytes)
    } catch (error) {
      expect(error).toMatchObject({ name: 'RANGE_NOT_SATISFIABLE' })
    }
  })
  fc.assert(property, { numRuns: 500 })
})
