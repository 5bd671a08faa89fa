import { expect, test } from 'vitest'
import { stallJudge } from '../../src/pull/stall-judge.ts'

/** A pull whose patience is 100 ms. @returns what says whether it is stalled */
function judge() {
  const isStalled = stallJudge(100, 0)
  return (doneBytes: number, peers: number | null, now: number, arrivingBytes = 0) =>
    isStalled({ doneBytes, peers }, arrivingBytes, now)
}

test('a download stalls when no more bytes come for longer than the patience', () => {
  const isStalled = judge()
  expect(isStalled(0, 0, 50)).toBe(false)
  expect(isStalled(10, 1, 140)).toBe(false)
  // A piece that was wrong is loaded again.
  expect(isStalled(5, 1, 240)).toBe(false)
  expect(isStalled(10, 1, 241)).toBe(true)
})

test('bytes that were only hashed do not hide those that are loaded after them', () => {
  const isStalled = judge()
  expect(isStalled(900, null, 1_000)).toBe(false)
  expect(isStalled(900, null, 2_000)).toBe(false)
  expect(isStalled(0, 0, 2_090)).toBe(false)
  expect(isStalled(10, 1, 2_180)).toBe(false)
  expect(isStalled(20, 1, 2_270)).toBe(false)
})

test('what a web seed has sent of a piece counts before the piece is whole, and not again where it breaks off', () => {
  const isStalled = judge()
  expect(isStalled(0, 1, 0)).toBe(false)
  expect(isStalled(0, 1, 90, 10)).toBe(false)
  expect(isStalled(0, 1, 180, 20)).toBe(false)
  expect(isStalled(0, 1, 270, 0)).toBe(false)
  expect(isStalled(0, 1, 281, 20)).toBe(true)
  // A piece that is done is more, though others that had begun are lost.
  expect(isStalled(15, 1, 360, 0)).toBe(false)
})
