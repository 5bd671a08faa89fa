import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ByteRange, byteRangeOf, coveredBytes, partsOf } from '../../src/files/byte-range.ts'

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

test('the parts of a range, cut to what is wanted of each, are exactly the range', () => {
  const property = fc.property(
    fc.integer({ min: 0, max: 300 }),
    fc.integer({ min: 1, max: 64 }),
    fc.nat(300),
    fc.nat(300),
    (sizeBytes, partBytes, a, b) => {
      const [start = 0, end = 0] = [Math.min(a, sizeBytes), Math.min(b, sizeBytes)].sort((x, y) => x - y)
      const file = Buffer.from(Array.from({ length: sizeBytes }, (_, index) => index % 251))
      const spans = partsOf({ start, end }, sizeBytes, partBytes)
      const wanted = spans.map(({ offset, length, from, to }) =>
        file.subarray(offset, offset + length).subarray(from, to),
      )
      expect(Buffer.concat(wanted).equals(file.subarray(start, end))).toBe(true)
      for (const { index, offset, length } of spans) {
        expect(offset).toBe(index * partBytes)
        expect(length).toBe(Math.min(partBytes, sizeBytes - offset))
      }
      const readBytes = start === end ? 0 : spans.reduce((sum, { length }) => sum + length, 0)
      expect(coveredBytes({ start, end }, sizeBytes, partBytes)).toBe(readBytes)
    },
  )
  fc.assert(property, { numRuns: 300 })
})
