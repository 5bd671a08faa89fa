import type { ServerId } from '@holdfast/shared/ids'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type HeardFileServer, planLost } from '../../src/upkeep/plan-lost.ts'

const idOf = (number: number) => number.toString(16).padStart(16, '0') as ServerId
const limits = { graceMs: 300_000, activeWithinMs: 20_000, heldMs: 1e9 }
const known = (...silences: number[]): HeardFileServer[] =>
  silences.map((silentMs, number) => ({ id: idOf(number), silentMs, isLost: false }))

test.each<[string, number[], number, number[]]>([
  ['one of three that is silent for the grace period', [300_000, 0, 0], 1e9, [0]],
  ['none before that', [299_999, 0, 0], 1e9, []],
  ['none whose silence this manager has not watched for that long', [900_000, 0, 0], 299_999, []],
  ['one of two, for half of them are active', [300_000, 0], 1e9, [0]],
  ['none where two of three are silent', [300_000, 300_000, 0], 1e9, []],
  ['none where one of three is silent and another one has just become so', [300_000, 30_000, 0], 1e9, []],
  ['not the only one', [300_000], 1e9, []],
  ['none where all are silent', [400_000, 400_000, 400_000], 1e9, []],
  ['two of four', [300_000, 300_000, 0, 0], 1e9, [0, 1]],
])('lost is %s', (_, silences, heldMs, expected) => {
  expect(planLost(known(...silences), { ...limits, heldMs })).toEqual(expected.map(idOf))
})

test('those that are lost already do not count against the half', () => {
  const [first, second, third] = known(900_000, 900_000, 300_000)
  const servers = [first, second, third, ...known(0, 0, 0, 0).slice(3)] as HeardFileServer[]
  expect(planLost(servers, limits)).toEqual([])
  const withLost = servers.map((server, index) => ({ ...server, isLost: index < 2 }))
  expect(planLost(withLost, limits)).toEqual([third?.id])
})

test('whatever is known, only silent ones are lost, and only while at least half of the others are active', () => {
  const server = fc.record({ silentMs: fc.integer({ min: 0, max: 600_000 }), isLost: fc.boolean() })
  const property = fc.property(fc.array(server, { maxLength: 12 }), fc.nat(600_000), (drawn, heldMs) => {
    const servers = drawn.map((fields, number) => ({ ...fields, id: idOf(number) }))
    const lost = planLost(servers, { ...limits, heldMs })
    const left = servers.filter(({ isLost }) => !isLost)
    const activeCount = left.filter(({ silentMs }) => silentMs < limits.activeWithinMs).length
    for (const id of lost) {
      const found = left.find((one) => one.id === id)
      expect(found?.silentMs).toBeGreaterThanOrEqual(limits.graceMs)
    }
    if (lost.length > 0) expect(heldMs).toBeGreaterThanOrEqual(limits.graceMs)
    if (lost.length > 0) expect(activeCount * 2).toBeGreaterThanOrEqual(left.length)
  })
  fc.assert(property, { numRuns: 500 })
})
