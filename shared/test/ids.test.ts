import {
  chunkNumberOf,
  type FileId,
  fileIdOf,
  isClusterId,
  isCopyId,
  isDigest,
  isPosted,
  isServerId,
  isSlot,
  makeCopyId,
  makePostedCopyId,
  POSTED_RANDOM_DIGITS,
  SLOT_COUNT,
} from '@holdfast/shared/ids'
import fc from 'fast-check'
import { expect, test } from 'vitest'

test.each([
  ['a copyId', isCopyId, 40],
  ['a file-server id', isServerId, 16],
  ['a cluster id', isClusterId, 16],
  ['a digest', isDigest, 64],
] as const)('%s is lower-case hex of its length and nothing else', (_, isId, digits) => {
  const id = '0123456789abcdef'.repeat(4).slice(0, digits)
  expect(isId(id)).toBe(true)
  const others = [
    id.slice(1),
    `${id}0`,
    id.toUpperCase(),
    `${id}\n`,
    ` ${id}`,
    `../${id.slice(3)}`,
    `${id.slice(1)}g`,
    '',
  ]
  for (const other of others) expect(isId(other), other).toBe(false)
  for (const other of [null, undefined, 7, [id], { toString: () => id }, new String(id)])
    expect(isId(other)).toBe(false)
})

test('a slot is a whole number that six digits of base 36 can hold', () => {
  for (const slot of [0, 1, 1297, SLOT_COUNT - 1]) expect(isSlot(slot)).toBe(true)
  for (const other of [-1, 0.5, SLOT_COUNT, Number.NaN, Infinity, '0', null, 0n]) expect(isSlot(other)).toBe(false)
  expect((SLOT_COUNT - 1).toString(36)).toBe('zzzzzz')
})

test('a copyId names its file and the chunk in it', () => {
  const hex = (digits: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`))
  const property = fc.property(hex(24), fc.nat(0xf_ff_ff), hex(11), (fileId, chunkNumber, random) => {
    const copyId = makeCopyId(fileId as FileId, chunkNumber, random)
    expect(isCopyId(copyId)).toBe(true)
    expect(fileIdOf(copyId)).toBe(fileId)
    expect(chunkNumberOf(copyId)).toBe(chunkNumber)
    expect(copyId.endsWith(random)).toBe(true)
  })
  fc.assert(property)
})

test.each([
  [0, ''],
  [0, '1234567890'],
  [0, '123456789012'],
  [0, '1234567890G'],
  [0, '../../../..'],
  [0x10_00_00, '12345678901'],
  [0x10_00_00, '1234567890'],
  [-1, '12345678901'],
  [0.5, '12345678901'],
  [Number.NaN, '12345678901'],
])('refuses to make a copyId of chunk %d with %j', (chunkNumber, random) => {
  const fileId = 'a'.repeat(24) as FileId
  expect(() => makeCopyId(fileId, chunkNumber, random)).toThrow('Internal error')
})

test('what is posted to a file-server has a file of its own, as its first chunk', () => {
  const copyId = makePostedCopyId('0123456789abcdef0123456789a'.slice(0, POSTED_RANDOM_DIGITS))
  expect(isCopyId(copyId)).toBe(true)
  expect([isPosted(copyId), chunkNumberOf(copyId)]).toEqual([true, 0])
  expect(isPosted(makeCopyId('665f0000aaaaaaaaaaaaaaaa' as FileId, 0, '12345678901'))).toBe(false)
  expect(() => makePostedCopyId('12')).toThrow('Internal error')
})
