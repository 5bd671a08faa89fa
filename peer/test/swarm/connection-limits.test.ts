import { EventEmitter } from 'node:events'
import type Wire from 'bittorrent-protocol'
import { expect, test, vi } from 'vitest'
import { ConnectionLimits, type IncomingConnection } from '../../src/swarm/connection-limits.ts'

type Fake = EventEmitter & IncomingConnection
const from = (remoteAddress: string): Fake => Object.assign(new EventEmitter(), { remoteAddress, destroy: vi.fn() })

test('a network has eight connections, and may have another when one has ended; this machine has as many as it likes', () => {
  const limits = new ConnectionLimits()
  const taken = Array.from({ length: 8 }, () => from('::ffff:10.0.0.1'))
  expect(taken.map((connection) => limits.takes(connection))).toEqual(Array(8).fill(true))
  const refused = from('10.0.0.1')
  expect(limits.takes(refused)).toBe(false)
  expect(refused.destroy).toHaveBeenCalledOnce()
  expect(limits.takes(from('10.0.0.2'))).toBe(true)
  taken[3]?.emit('close')
  expect([limits.takes(from('10.0.0.1')), limits.takes(from('10.0.0.1'))]).toEqual([true, false])
  // Whoever has one address of IPv6 has 64 bits of them.
  const six = Array.from({ length: 9 }, (_, number) => limits.takes(from(`2a00:1:2:3::${number + 1}`)))
  expect(six).toEqual([...Array(8).fill(true), false])
  expect(Array.from({ length: 50 }, () => limits.takes(from('127.0.0.1')))).not.toContain(false)
})

/** @returns wires from outside */
function wires(count: number): (Wire & { uploaded: number })[] {
  const fake = () => ({ type: 'tcpIncoming', uploaded: 0, downloaded: 0, destroy: vi.fn() })
  return Array.from({ length: count }, () => fake() as unknown as Wire & { uploaded: number })
}

test('where there are many connections those end on which nothing has moved for three minutes, and else none', () => {
  const [few, many] = [wires(150), wires(151)]
  const limits = new ConnectionLimits()
  const ended = (all: readonly Wire[]) => all.filter(({ destroy }) => vi.mocked(destroy).mock.calls.length > 0).length
  const pass = (all: ReturnType<typeof wires>, now: number) => {
    const [busy] = all
    if (busy !== undefined) busy.uploaded += 1
    limits.endIdle(all, now)
  }
  for (const now of [0, 60_000, 120_000, 179_000]) pass(many, now)
  expect(ended(many)).toBe(0)
  for (const now of [0, 180_000]) pass(few, now)
  expect(ended(few)).toBe(0)
  pass(many, 180_000)
  expect(ended(many)).toBe(150)
  expect(many[0]?.destroy).not.toHaveBeenCalled()
})
