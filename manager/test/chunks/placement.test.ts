import type { ServerId } from '@holdfast/shared/ids'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chooseServers, type ServerView } from '../../src/chunks/placement.ts'

const idOf = (number: number): ServerId => number.toString(16).padStart(16, '0') as ServerId
const view = (number: number, fields: Partial<ServerView> = {}): ServerView => ({
  id: idOf(number),
  isActive: true,
  isWritable: true,
  isSilent: false,
  fileCount: 10,
  roomBytes: 1_000,
  ...fields,
})
const wish = { count: 1, sizeBytes: 100 }

test.each<[string, ServerView[], number[]]>([
  ['the one with the fewest files', [view(1, { fileCount: 5 }), view(2, { fileCount: 4 }), view(3)], [2]],
  ['one that was silent only where there is no other', [view(1, { fileCount: 0, isSilent: true }), view(2)], [2]],
  ['one that was silent rather than none', [view(1, { isSilent: true })], [1]],
  ['none of none', [], []],
  ['not an inactive one', [view(1, { fileCount: 0, isActive: false }), view(2)], [2]],
  ['not one that takes nothing', [view(1, { fileCount: 0, isWritable: false }), view(2)], [2]],
  ['not one without the room', [view(1, { fileCount: 0, roomBytes: 99 }), view(2)], [2]],
  ['one with exactly the room', [view(1, { fileCount: 0, roomBytes: 100 }), view(2)], [1]],
  ['the roomier of two equal ones', [view(1), view(2, { roomBytes: 2_000 })], [2]],
  ['the lower id where all is equal', [view(2), view(1)], [1]],
  ['none where all are full', [view(1, { roomBytes: 0 }), view(2, { isWritable: false })], []],
])('chooses %s', (_, servers, expected) => {
  expect(chooseServers(servers, wish)).toEqual(expected.map(idOf))
})

test('a copy of unknown size fits wherever something can be taken', () => {
  const unknown = { count: 2, sizeBytes: 0 }
  expect(chooseServers([view(1, { roomBytes: 0 }), view(2, { roomBytes: -1 })], unknown)).toEqual([idOf(1)])
})

const anyView = fc.record({
  isActive: fc.boolean(),
  isWritable: fc.boolean(),
  fileCount: fc.nat(20),
  roomBytes: fc.integer({ min: -50, max: 200 }),
})

test('whatever the views and their order: the fewest files first among those with room, and nobody else', () => {
  const property = fc.property(
    fc.array(anyView, { maxLength: 8 }).map((views) => views.map((fields, index) => view(index, fields))),
    fc.record({ count: fc.nat(9), sizeBytes: fc.nat(150) }),
    fc.array(fc.nat(8), { maxLength: 3 }),
    fc.infiniteStream(fc.nat()),
    (views, { count, sizeBytes }, excluded, random) => {
      const exclude = excluded.map(idOf)
      const chosen = chooseServers(views, { count, sizeBytes, exclude })
      const able = views.filter(
        (one) => one.isActive && one.isWritable && one.roomBytes >= sizeBytes && !exclude.includes(one.id),
      )
      expect(chosen).toHaveLength(Math.min(count, able.length))
      expect(new Set(chosen).size).toBe(chosen.length)
      const countOf = (id: ServerId): number => able.find((one) => one.id === id)?.fileCount ?? Number.NaN
      const left = able.filter((one) => !chosen.includes(one.id)).map((one) => one.fileCount)
      const order = chosen.map(countOf)
      expect(order).toEqual([...order].sort((a, b) => a - b))
      if (order.length > 0) expect(Math.max(...order)).toBeLessThanOrEqual(Math.min(...left, Number.POSITIVE_INFINITY))
      const shuffled = views
        .map((one) => ({ one, key: random.next().value }))
        .sort((a, b) => a.key - b.key)
        .map(({ one }) => one)
      expect(chooseServers(shuffled, { count, sizeBytes, exclude })).toEqual(chosen)
    },
  )
  fc.assert(property, { numRuns: 300 })
})
