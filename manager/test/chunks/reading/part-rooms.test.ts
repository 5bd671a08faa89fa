import { PART_BYTES } from '@holdfast/shared/limits'
import { expect, test } from 'vitest'
import { PartRooms } from '../../../src/chunks/reading/part-rooms.ts'

const partOf = (lengthBytes: number): Buffer => Buffer.alloc(PART_BYTES).subarray(0, lengthBytes)

test('there is nothing to be used again until something is given back', () => {
  expect(new PartRooms().take()).toBeUndefined()
})

test('memory of a part is handed out once, and all of it, however short its part was', () => {
  const rooms = new PartRooms()
  const parts = [partOf(PART_BYTES), partOf(5), partOf(0)]
  for (const part of parts) rooms.giveBack(part)
  const taken = [rooms.take(), rooms.take(), rooms.take()]
  expect(taken.map((room) => [room?.byteOffset, room?.length])).toEqual(Array(3).fill([0, PART_BYTES]))
  expect(new Set(taken.map((room) => room?.buffer))).toEqual(new Set(parts.map((part) => part.buffer)))
  expect(rooms.take()).toBeUndefined()
})

test.each<[string, Buffer]>([
  ['too small for a part', Buffer.alloc(PART_BYTES - 1)],
  ['shared with other bytes', Buffer.alloc(2 * PART_BYTES).subarray(0, PART_BYTES)],
  ['of a small message', Buffer.from('some bytes')],
])('memory that is %s is not kept', (_, part) => {
  const rooms = new PartRooms()
  rooms.giveBack(part)
  expect(rooms.take()).toBeUndefined()
})

test('memory that was handed on to a thread is not kept', () => {
  const part = partOf(PART_BYTES)
  structuredClone(part.buffer, { transfer: [part.buffer as ArrayBuffer] })
  const rooms = new PartRooms()
  rooms.giveBack(part)
  expect([part.length, rooms.take()]).toEqual([0, undefined])
})

test('no more than eight parts wait for their next use', () => {
  const rooms = new PartRooms()
  for (let count = 0; count < 12; count++) rooms.giveBack(partOf(PART_BYTES))
  const taken = Array.from({ length: 12 }, () => rooms.take())
  expect(taken.filter((room) => room !== undefined)).toHaveLength(8)
})
