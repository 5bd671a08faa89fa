import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PieceHasher, pieceLengthFor } from '../../../src/peers/torrents/piece-hasher.ts'

test('the hashes are those of the pieces, however the bytes come', () => {
  const arrival = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 })
  fc.assert(
    fc.property(arrival, fc.integer({ min: 1, max: 40 }), (arrived, pieceLength) => {
      const hasher = new PieceHasher(pieceLength)
      for (const bytes of arrived) hasher.update(Buffer.from(bytes))
      const whole = Buffer.concat(arrived)
      const expected = []
      for (let start = 0; start < whole.length; start += pieceLength)
        expected.push(
          createHash('sha1')
            .update(whole.subarray(start, start + pieceLength))
            .digest(),
        )
      expect(hasher.digest()).toEqual(Buffer.concat(expected))
    }),
  )
})

test.each([
  [1, 256],
  [375 * 1024 ** 2, 256],
  [376 * 1024 ** 2, 512],
  [1024 ** 3, 1_024],
  [20 * 1024 ** 3, 16_384],
  [64 * 1024 ** 3, 16_384],
])('a file of %i bytes has pieces of %i KiB', (size, kib) => {
  expect(pieceLengthFor(size)).toBe(kib * 1024)
})
