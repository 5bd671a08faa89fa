import { expect, test } from 'vitest'
import { stallJudge } from '../../src/pull/stall-judge.ts'

const progress = (doneBytes: number, peers: number | null) => ({
  ...{ doneBytes, peers },
  ...{ totalBytes: 1_000, bytesPerSecond: 0, secondsLeft: null },
})

test('a download stalls when no more bytes come for longer than the patience', () => {
  const isStalled = stallJudge(100, 0)
  expect(isStalled(progress(0, 0), 50)).toBe(false)
  expect(isStalled(progress(10, 1), 140)).toBe(false)
  // A piece that was wrong is loaded again.
  expect(isStalled(progress(5, 1), 240)).toBe(false)
  expect(isStalled(progress(10, 1), 241)).toBe(true)
})

test('bytes that were only hashed do not hide those that are loaded after them', () => {
  const isStalled = stallJudge(100, 0)
  expect(isStalled(progress(900, null), 1_000)).toBe(false)
  expect(isStalled(progress(900, null), 2_000)).toBe(false)
  expect(isStalled(progress(0, 0), 2_090)).toBe(false)
  expect(isStalled(progress(10, 1), 2_180)).toBe(false)
  expect(isStalled(progress(20, 1), 2_270)).toBe(false)
})
