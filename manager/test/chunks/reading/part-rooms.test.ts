import { PART_BYTES } from '@holdfast/shared/limits'
import { expect, test } from 'vitest'
import { PartRooms } from '../../../src/chunks/reading/part-rooms.ts'

test('memory of a whole part is used again once it was given back, and by one at a time', () => {
  const rooms = new PartRooms()
  const [first, second] = [rooms.take(PART_BYTES), rooms.take(PART_BYTES)]
  expect(first.bytes.buffer === second.bytes.buffer).toBe(false)
  first.giveBack()
  expect(rooms.take(PART_BYTES).bytes === first.bytes).toBe(true)
  expect(rooms.take(PART_BYTES).bytes === first.bytes).toBe(false)
})

test('a room that is given back twice is lent to one reader only', () => {
  const rooms = new PartRooms()
  const room = rooms.take(PART_BYTES)
  room.giveBack()
  room.giveBack()
  expect(rooms.take(PART_BYTES).bytes === room.bytes).toBe(true)
  // Whoever gave it back has no right to the memory that another one reads into.
  room.giveBack()
  expect(rooms.take(PART_BYTES).bytes === room.bytes).toBe(false)
})

test.each([0, 1, PART_BYTES - 1])('a part of %i bytes gets memory of just its length, which is not kept', (length) => {
  const rooms = new PartRooms()
  const room = rooms.take(length)
  expect([room.bytes.length, room.bytes.buffer.byteLength]).toEqual([length, length])
  room.giveBack()
  expect(rooms.take(PART_BYTES).bytes.length).toBe(PART_BYTES)
})

test('no more than eight parts wait for their next use', () => {
  const rooms = new PartRooms()
  const lent = Array.from({ length: 12 }, () => rooms.take(PART_BYTES))
  for (const room of lent) room.giveBack()
  const known = new Set(lent.map(({ bytes }) => bytes))
  const taken = Array.from({ length: 12 }, () => rooms.take(PART_BYTES))
  expect(taken.filter(({ bytes }) => known.has(bytes))).toHaveLength(8)
})
