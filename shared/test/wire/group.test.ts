import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countFitting, decodeGroup, encodeGroup, GROUP_MAX_BYTES, GROUP_MAX_ITEMS } from '../../src/wire/group.ts'

const bytes = fc.option(fc.uint8Array({ maxLength: 2_000 }))
const items = fc.array(fc.record({ head: fc.jsonValue(), bytes }), { maxLength: 40 })

test('what goes into a group comes out of it, in order, bytes and all', () => {
  fc.assert(
    fc.property(items, (given) => {
      const decoded = decodeGroup(encodeGroup(given))
      // JSON knows no negative zero.
      expect(decoded.map(({ head }) => head)).toEqual(given.map(({ head }) => JSON.parse(JSON.stringify(head))))
      expect(decoded.map((item) => item.bytes && [...item.bytes])).toEqual(
        given.map((item) => item.bytes && [...item.bytes]),
      )
    }),
  )
})

test('any bytes are a group or refused, and never more than they hold', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), items, fc.nat(), (noise, given, at) => {
      const group = encodeGroup(given)
      group.set(
        noise.subarray(0, group.length),
        at % group.length < group.length - noise.length ? at % group.length : 0,
      )
      try {
        const held = decodeGroup(group).reduce((sum, item) => sum + (item.bytes?.length ?? 0), 0)
        expect(held).toBeLessThanOrEqual(group.length)
      } catch (error) {
        expect(error).toMatchObject({ name: 'INVALID_REQUEST' })
      }
    }),
  )
})

const framed = (heads: string, rest = ''): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(Buffer.byteLength(heads))
  return Buffer.concat([length, Buffer.from(heads + rest)])
}

test.each<[string, unknown]>([
  ['no bytes at all', 'text'],
  ['null', null],
  ['three bytes', Buffer.alloc(3)],
  ['heads that are cut', framed('[1,null]').subarray(0, -1)],
  ['heads that are no JSON', framed('[1,null')],
  ['heads that are no list', framed('{}')],
  ['a head without a byte count', framed('[1]')],
  ['a negative byte count', framed('[1,-1]')],
  ['half a byte', framed('[1,0.5]', 'x')],
  ['a byte count that is text', framed('[1,"1"]', 'x')],
  ['fewer bytes than counted', framed('[1,2]', 'x')],
  ['more bytes than counted', framed('[1,1]', 'xy')],
  ['more items than a group may have', framed(JSON.stringify(Array(2 * GROUP_MAX_ITEMS + 2).fill(null)))],
])('%s is refused', (_, value) => {
  expect(() => decodeGroup(value)).toThrow(expect.objectContaining({ name: 'INVALID_REQUEST' }))
})

test('a group takes as many items as fit, and an item that is too long for any goes alone', () => {
  const item = (length: number) => ({ head: 1, bytes: new Uint8Array(length) })
  expect(countFitting([item(1), item(1)], 0)).toBe(2)
  expect(countFitting([item(1), item(1), item(1)], 1)).toBe(2)
  expect(countFitting([item(GROUP_MAX_BYTES), item(1)], 0)).toBe(1)
  expect(countFitting([item(1), item(GROUP_MAX_BYTES), item(1)], 0)).toBe(1)
  expect(countFitting(Array(1_000).fill(item(0)), 0)).toBeLessThanOrEqual(GROUP_MAX_ITEMS)
})
