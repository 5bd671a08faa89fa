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
  zone: `zone of ${number}`,
  copyCount: 10,
  roomBytes: 1_000,
  ...fields,
})
const wish = { count: 1, sizeBytes: 100 }

test.each<[string, ServerView[], number[]]>([
  ['the one with the fewest copies', [view(1, { copyCount: 5 }), view(2, { copyCount: 4 }), view(3)], [2]],
  ['one that was silent only where there is no other', [view(1, { copyCount: 0, isSilent: true }), view(2)], [2]],
  ['one that was silent rather than none', [view(1, { isSilent: true })], [1]],
  ['none of none', [], []],
  ['not an inactive one', [view(1, { copyCount: 0, isActive: false }), view(2)], [2]],
  ['not one that takes nothing', [view(1, { copyCount: 0, isWritable: false }), view(2)], [2]],
  ['not one without the room', [view(1, { copyCount: 0, roomBytes: 99 }), view(2)], [2]],
  ['one with exactly the room', [view(1, { copyCount: 0, roomBytes: 100 }), view(2)], [1]],
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

test.each<[string, ServerView[], { count: number; zones?: string[] }, number[]]>([
  [
    'another zone before fewer copies',
    [view(1, { zone: 'a', copyCount: 1 }), view(2, { zone: 'a', copyCount: 2 }), view(3, { zone: 'b' })],
    { count: 2 },
    [1, 3],
  ],
  [
    'a zone twice where there are not enough',
    [view(1, { zone: 'a', copyCount: 1 }), view(2, { zone: 'a', copyCount: 2 }), view(3, { zone: 'b' })],
    { count: 3 },
    [1, 3, 2],
  ],
  ['a zone that has no replica yet', [view(1, { zone: 'a', copyCount: 1 }), view(2)], { count: 1, zones: ['a'] }, [2]],
  ['a zone that has one rather than none', [view(1, { zone: 'a' })], { count: 1, zones: ['a'] }, [1]],
  [
    'one that answers in a zone twice rather than one that was silent in another',
    [view(1, { zone: 'a' }), view(2, { zone: 'a' }), view(3, { zone: 'b', isSilent: true })],
    { count: 2 },
    [1, 2],
  ],
])('chooses %s', (_, servers, wished, expected) => {
  expect(chooseServers(servers, { sizeBytes: 100, ...wished })).toEqual(expected.map(idOf))
})

const anyView = fc.record({
  isActive: fc.boolean(),
  isWritable: fc.boolean(),
  copyCount: fc.nat(20),
  roomBytes: fc.integer({ min: -50, max: 200 }),
})

test('whatever the views and their order: the fewest copies first among those with room, and nobody else', () => {
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
      const countOf = (id: ServerId): number => able.find((one) => one.id === id)?.copyCount ?? Number.NaN
      const left = able.filter((one) => !chosen.includes(one.id)).map((one) => one.copyCount)
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

test('whatever the zones: as many as there can be, used ones only after the others, and silent ones after all', () => {
  const anyZone = fc.constantFrom<string[]>('a', 'b', 'c', 'd')
  const property = fc.property(
    fc
      .array(fc.record({ zone: anyZone, isSilent: fc.boolean(), copyCount: fc.nat(5) }), { maxLength: 8 })
      .map((views) => views.map((fields, index) => view(index, fields))),
    fc.nat(9),
    fc.array(anyZone, { maxLength: 2 }),
    (views, count, zones) => {
      const chosen = chooseServers(views, { count, sizeBytes: 100, zones }).map((id) => views[Number.parseInt(id, 16)])
      expect(chosen).toHaveLength(Math.min(count, views.length))
      const awake = views.filter((one) => !one.isSilent)
      const chosenAwake = chosen.filter((one) => one?.isSilent === false)
      expect(chosenAwake).toEqual(chosen.slice(0, Math.min(count, awake.length)))
      const isFresh = ({ zone }: ServerView): boolean => !zones.includes(zone)
      const freshCount = new Set(awake.filter(isFresh).map((one) => one.zone)).size
      const firstOnes = chosenAwake.slice(0, freshCount).map((one) => one?.zone)
      expect(new Set(firstOnes).size).toBe(firstOnes.length)
      for (const zone of firstOnes) expect(zones).not.toContain(zone)
    },
  )
  fc.assert(property, { numRuns: 300 })
})
