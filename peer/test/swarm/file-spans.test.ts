import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FileSpans } from '../../src/swarm/file-spans.ts'

const filesOf = (lengths: readonly number[]) =>
  lengths.map((length, number) => ({ path: [`${number}`], length, isPadding: false }))

test.each<[number[], number, number, [number, number, number][]]>([
  [[300], 256, 300, [[0, 256, 44]]],
  [[0, 0, 5, 0, 5, 0], 0, 5, [[2, 0, 5]]],
  [
    [0, 0, 5, 0, 5, 0],
    4,
    10,
    [
      [2, 4, 1],
      [4, 0, 5],
    ],
  ],
  [[0, 0, 5, 0, 5, 0], 5, 6, [[4, 0, 1]]],
  [[5, 5], 10, 12, []],
])('in files of %j the bytes from %i to %i are found', (lengths, start, end, spans) => {
  const found = new FileSpans(filesOf(lengths)).between(start, end)
  expect(found.map(({ file, offset, length }) => [file, offset, length])).toEqual(spans)
})

test('every byte is found in the file that has it', () => {
  const lengths = fc.array(fc.nat(4), { minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(lengths, fc.nat(70), fc.nat(70), (sizes, start, size) => {
      const bytes = sizes.flatMap((length, file) => Array.from({ length }, (_, offset) => [file, offset]))
      const found = new FileSpans(filesOf(sizes)).between(start, start + size)
      const told = found.flatMap(({ file, offset, length }) => Array.from({ length }, (_, at) => [file, offset + at]))
      expect(told).toEqual(bytes.slice(start, start + size))
      expect(found.every(({ length }) => length > 0)).toBe(true)
    }),
  )
})
