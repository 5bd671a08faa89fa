import { HEARTBEAT_CHANGE_MS, HEARTBEAT_INTERVAL_MS } from '@holdfast/shared/wire/protocol'
import type { Heartbeat } from '@holdfast/shared/wire/shapes'
import { expect, test } from 'vitest'
import { HeartbeatPace } from '../../src/link/heartbeat-pace.ts'

const quiet: Heartbeat = {
  copyCount: 3,
  sizeBytes: 300,
  freeBytes: 1_000,
  totalBytes: 2_000,
  isInventoryDone: true,
  isWritable: true,
}

/** Asks the pace as the link does. @returns the ticks at which a heartbeat was due */
function ticksOf(heartbeats: readonly Heartbeat[]): number[] {
  const pace = new HeartbeatPace()
  return heartbeats.flatMap((heartbeat, tick) => (pace.isDue(heartbeat, tick * HEARTBEAT_CHANGE_MS) ? [tick] : []))
}

const ticksPerInterval = HEARTBEAT_INTERVAL_MS / HEARTBEAT_CHANGE_MS
const repeat = (heartbeat: Heartbeat, count: number) => Array.from({ length: count }, () => heartbeat)

test('is sent at the start, once more, and then regularly while nothing changes', () => {
  expect(ticksOf(repeat(quiet, 2 * ticksPerInterval + 2))).toEqual([
    0,
    1,
    ticksPerInterval + 1,
    2 * ticksPerInterval + 1,
  ])
})

test.each<[string, Partial<Heartbeat>]>([
  ['a copy more', { copyCount: 4 }],
  ['other bytes', { sizeBytes: 301 }],
  ['the inventory', { isInventoryDone: false }],
  ['a full disk', { isWritable: false }],
])('tells %s at the next tick, and once more', (_, change) => {
  expect(ticksOf([...repeat(quiet, 5), ...repeat({ ...quiet, ...change }, 5)])).toEqual([0, 1, 5, 6])
})

test('does not follow free space, which others change all the time', () => {
  const heartbeats = Array.from({ length: 10 }, (_, index) => ({ ...quiet, freeBytes: index }))
  expect(ticksOf(heartbeats)).toEqual([0, 1])
})

test('follows changes that go on, and once more after the last', () => {
  const heartbeats = Array.from({ length: 10 }, (_, index) => ({ ...quiet, copyCount: Math.min(index, 6) }))
  expect(ticksOf(heartbeats)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
})
