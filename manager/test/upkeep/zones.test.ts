import type { ServerId } from '@holdfast/shared/ids'
import { expect, test } from 'vitest'
import { keptApart, zoneOf } from '../../src/upkeep/zones.ts'

const inZone = (name: string) => ({ id: name as ServerId, zone: name.charAt(0) })
const [a1, a2, b1, b2] = [inZone('a1'), inZone('a2'), inZone('b1'), inZone('b2')] as const

test('a move into another zone needs the chunk to have nothing there, one within a zone only nothing on the target', () => {
  const servers = [a1, a2, b1, b2]
  expect(keptApart(servers, { from: a1.id, to: b1.id }).sort()).toEqual([b1.id, b2.id])
  expect(keptApart(servers, { from: a1.id, to: a2.id })).toEqual([a2.id])
})

test('a file-server without a zone is one by itself', () => {
  const [first, second] = [{ id: 'x' as ServerId }, { id: 'y' as ServerId }]
  expect(zoneOf(first)).not.toBe(zoneOf(second))
  expect(keptApart([first, second], { from: first.id, to: second.id })).toEqual([second.id])
})
