import { DATA_HEADER_BYTES, decodeDataHeader, encodeDataHeader } from '@holdfast/shared/wire/data-frame'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const UINT32_MAX = 2 ** 32 - 1
const streamId = fc.stringMatching(/^[0-9a-f]{16}$/)

test('a header says stream, length and whether it is the last, whatever they are', () => {
  const property = fc.property(streamId, fc.nat(UINT32_MAX), fc.boolean(), (id, length, isLast) => {
    const header = encodeDataHeader({ streamId: id, length, isLast })
    expect(header).toHaveLength(DATA_HEADER_BYTES)
    expect(decodeDataHeader(header)).toEqual({ streamId: id, length, isLast })
  })
  fc.assert(property, {
    examples: [
      ['0'.repeat(16), 0, false],
      ['f'.repeat(16), UINT32_MAX, true],
    ],
  })
})

test('a header is 8 bytes of stream, 4 of length and 4 of flag, all big-endian', () => {
  const header = encodeDataHeader({ streamId: '0123456789abcdef', length: 0x00_04_00_00, isLast: true })
  expect(header.toString('hex')).toBe('0123456789abcdef0004000000000001')
})

test('a flag that is neither 0 nor 1 is no header', () => {
  const property = fc.property(
    streamId,
    fc.nat(UINT32_MAX),
    fc.integer({ min: 2, max: UINT32_MAX }),
    (id, length, flag) => {
      const header = encodeDataHeader({ streamId: id, length, isLast: false })
      header.writeUInt32BE(flag, 12)
      expect(decodeDataHeader(header)).toBeNull()
    },
  )
  fc.assert(property, {
    examples: [
      ['0'.repeat(16), 0, 2],
      ['0'.repeat(16), 0, 0x01_00_00_00],
    ],
  })
})
