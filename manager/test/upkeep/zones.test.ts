import type { ServerId } from '@holdfast/shared/ids'
import { expect, test } from 'vitest'
import { keptApart } from '../../src/upkeep/zones.ts'

const [a1, a2, b1, b2] = ['a1', 'a2', 'b1', 'b2'] as unknown as [ServerId, ServerId, ServerId, ServerId]
const zones = new Map([a1, a2, b1, b2].map((id) => [id, id.charAt(0)]))

test('a move into another zone needs the chunk to have nothing there, one within a zone only nothing on the target', () => {
  expect(keptApart(zones, { from: a1, to: b1 }).sort()).toEqual([b1, b2])
  expect(keptApart(zones, { from: a1, to: a2 })).toEqual([a2])
})
