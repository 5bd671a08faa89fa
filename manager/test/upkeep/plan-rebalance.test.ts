import type { ServerId } from '@holdfast/shared/ids'
import { PART_BYTES } from '@holdfast/shared/limits'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ServerView } from '../../src/chunks/placement.ts'
import { countExcess, type PlannedMoves, planRebalance } from '../../src/upkeep/plan-rebalance.ts'

const idOf = (number: number): ServerId => number.toString(16).padStart(16, '0') as ServerId
const view = (number: number, copyCount: number, fields: Partial<ServerView> = {}): ServerView => ({
  id: idOf(number),
  isActive: true,
  isWritable: true,
  isSilent: false,
  zone: `zone of ${number}`,
  copyCount,
  roomBytes: 1_000 * PART_BYTES,
  ...fields,
})
const limits = { threshold: 10, batch: 100 }
const gapOf = (counts: readonly number[]): number => Math.max(...counts) - Math.min(...counts)

function apply(servers: readonly ServerView[], plan: readonly PlannedMoves[]): ServerView[] {
  return servers.map((server) => {
    const taken = plan.filter((moves) => moves.to === server.id).reduce((sum, moves) => sum + moves.count, 0)
    const given = plan.filter((moves) => moves.from === server.id).reduce((sum, moves) => sum + moves.count, 0)
    return { ...server, copyCount: server.copyCount + taken - given }
  })
}

test.each<[string, ServerView[], PlannedMoves[]]>([
  ['nothing for nobody', [], []],
  ['nothing for one alone', [view(1, 1_000)], []],
  ['nothing within the threshold', [view(1, 10), view(2, 20)], []],
  ['down to half the threshold', [view(1, 11), view(2, 0)], [{ from: idOf(1), to: idOf(2), count: 3 }]],
  ['nothing to a full one', [view(1, 100), view(2, 0, { isWritable: false })], []],
  ['nothing to one without room for a part', [view(1, 100), view(2, 0, { roomBytes: PART_BYTES - 1 })], []],
  [
    'for one that has room what one without cannot take',
    [view(1, 100), view(2, 0, { roomBytes: PART_BYTES - 1 }), view(3, 50, { roomBytes: PART_BYTES })],
    [{ from: idOf(1), to: idOf(3), count: 23 }],
  ],
  ['nothing from an inactive one', [view(1, 100, { isActive: false }), view(2, 0)], []],
  ['nothing to an inactive one', [view(1, 100), view(2, 0, { isActive: false }), view(3, 100)], []],
])('plans %s', (_, servers, expected) => {
  expect(planRebalance(servers, limits)).toEqual(expected)
})

test('a full one gives', () => {
  const plan = planRebalance([view(1, 50, { isWritable: false }), view(2, 0)], limits)
  expect(plan).toEqual([{ from: idOf(1), to: idOf(2), count: 23 }])
})

test('plans no more than a batch', () => {
  const plan = planRebalance([view(1, 10_000), view(2, 0), view(3, 0)], { threshold: 10, batch: 64 })
  expect(plan.reduce((sum, moves) => sum + moves.count, 0)).toBe(64)
})

test('counts what is above the mean as still to move', () => {
  expect(countExcess([view(1, 30), view(2, 0), view(3, 0), view(4, 500, { isActive: false })])).toBe(20)
  expect(countExcess([])).toBe(0)
})

const roomBytes = fc.constantFrom(0, PART_BYTES - 1, PART_BYTES, 1_000 * PART_BYTES)
const anyServers = fc
  .array(fc.record({ copyCount: fc.nat(300), isWritable: fc.boolean(), isActive: fc.boolean(), roomBytes }), {
    minLength: 1,
    maxLength: 7,
  })
  .map((all) => all.map(({ copyCount, ...fields }, index) => view(index, copyCount, fields)))

const takes = (server: ServerView): boolean => server.isActive && server.isWritable && server.roomBytes >= PART_BYTES

test('batch by batch: the total stays, the gap never widens, full ones only give, and it ends within the threshold', () => {
  const property = fc.property(
    anyServers,
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 1, max: 100 }),
    (start, threshold, batch) => {
      let servers = start
      const total = servers.reduce((sum, server) => sum + server.copyCount, 0)
      for (let round = 0; ; round++) {
        const plan = planRebalance(servers, { threshold, batch })
        if (plan.length === 0) break
        expect(round).toBeLessThan(3_000)
        const next = apply(servers, plan)
        expect(next.reduce((sum, server) => sum + server.copyCount, 0)).toBe(total)
        expect(next.every((server) => server.copyCount >= 0)).toBe(true)
        const active = (all: ServerView[]): number[] => all.filter((one) => one.isActive).map((one) => one.copyCount)
        expect(gapOf(active(next))).toBeLessThanOrEqual(gapOf(active(servers)))
        for (const { from, to, count } of plan) {
          expect(count).toBeGreaterThan(0)
          expect(servers.find((server) => server.id === from)?.isActive).toBe(true)
          expect(servers.find((server) => server.id === to)).toSatisfy(takes)
        }
        servers = next
      }
      const takers = servers.filter(takes).map((one) => one.copyCount)
      const all = servers.filter((server) => server.isActive).map((server) => server.copyCount)
      if (takers.length > 0) expect(Math.max(...all) - Math.min(...takers)).toBeLessThanOrEqual(threshold)
    },
  )
  fc.assert(property, { numRuns: 150 })
})
