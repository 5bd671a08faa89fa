import { DATA_HEADER_BYTES, decodeDataHeader, encodeDataHeader } from '@holdfast/shared/wire/data-frame'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const UINT32_MAX = 2 ** 32 - 1
const UINT31_MAX = 2 ** 31 - 1
const streamId = fc.stringMatching(/^[0-9a-f]{16}$/)

test('a header says stream, number, length and whether it is the last, whatever they are', () => {
  const property = fc.property(
    streamId,
    fc.nat(UINT32_MAX),
    fc.nat(UINT31_MAX),
    fc.boolean(),
    (id, seq, length, isLast) => {
      const header = encodeDataHeader({ streamId: id, seq, length, isLast })
      expect(header).toHaveLength(DATA_HEADER_BYTES)
      expect(decodeDataHeader(header)).toEqual({ streamId: id, seq, length, isLast })
    },
  )
  fc.assert(property, {
    examples: [
      ['0'.repeat(16), 0, 0, false],
      ['f'.repeat(16), UINT32_MAX, UINT31_MAX, true],
    ],
  })
})

test('a header is 8 bytes of stream, 4 of number, 4 of length whose top bit says last, all big-endian', () => {
  const header = encodeDataHeader({ streamId: '0123456789abcdef', seq: 258, length: 0x00_04_00_00, isLast: true })
  expect(header.toString('hex')).toBe('0123456789abcdef0000010280040000')
})
