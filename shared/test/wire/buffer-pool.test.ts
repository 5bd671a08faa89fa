import { PART_BYTES } from '@holdfast/shared/limits'
import { BufferPool } from '@holdfast/shared/wire/buffer-pool'
import { expect, test } from 'vitest'

test('memory of a whole part is used again once it was given back, and by one at a time', () => {
  const buffers = new BufferPool()
  const [first, second] = [buffers.take(PART_BYTES), buffers.take(PART_BYTES)]
  expect(first.bytes.buffer === second.bytes.buffer).toBe(false)
  first.giveBack()
  expect(buffers.take(PART_BYTES).bytes === first.bytes).toBe(true)
  expect(buffers.take(PART_BYTES).bytes === first.bytes).toBe(false)
})

test('a buffer that is given back twice is lent to one reader only', () => {
  const buffers = new BufferPool()
  const buffer = buffers.take(PART_BYTES)
  buffer.giveBack()
  buffer.giveBack()
  expect(buffers.take(PART_BYTES).bytes === buffer.bytes).toBe(true)
  // Whoever gave it back has no right to the memory that another one reads into.
  buffer.giveBack()
  expect(buffers.take(PART_BYTES).bytes === buffer.bytes).toBe(false)
})

test.each([0, 1, PART_BYTES - 1])('a part of %i bytes gets memory of just its length, which is not kept', (length) => {
  const buffers = new BufferPool()
  const buffer = buffers.take(length)
  expect([buffer.bytes.length, buffer.bytes.buffer.byteLength]).toEqual([length, length])
  buffer.giveBack()
  expect(buffers.take(PART_BYTES).bytes.length).toBe(PART_BYTES)
})

test('no more than four parts wait for their next use', () => {
  const buffers = new BufferPool()
  const lent = Array.from({ length: 12 }, () => buffers.take(PART_BYTES))
  for (const buffer of lent) buffer.giveBack()
  const known = new Set(lent.map(({ bytes }) => bytes))
  const taken = Array.from({ length: 12 }, () => buffers.take(PART_BYTES))
  expect(taken.filter(({ bytes }) => known.has(bytes))).toHaveLength(4)
})
