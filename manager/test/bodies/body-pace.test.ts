import { FRAME_BYTES } from '@holdfast/shared/limits'
import { UPLOAD_IDLE_TIMEOUT_MS } from '@holdfast/shared/wire/protocol'
import { expect, test } from 'vitest'
import { BodyPace, DEFAULT_PACE } from '../../src/bodies/body-pace.ts'

const limits = { idleMs: 30, windowMs: 50, minWindowBytes: 10 }

test('gives up a client from which no byte came for the idle limit', () => {
  const pace = new BodyPace(limits)
  pace.noteBytes(1_000)
  expect(pace.nextWaitMs).toBe(30)
  expect(pace.noteWait(29)).toBe(true)
  expect(pace.nextWaitMs).toBe(1)
  expect(pace.noteWait(1)).toBe(false)
})

test('gives up a client that sends too few bytes in a window, however often', () => {
  const pace = new BodyPace(limits)
  const answers = Array.from({ length: 5 }, () => {
    const isFastEnough = pace.noteWait(10)
    pace.noteBytes(1)
    return isFastEnough
  })
  expect(answers).toEqual([true, true, true, true, false])
})

test('bears with a slow client that keeps above the minimum, for as long as it takes', () => {
  const pace = new BodyPace(limits)
  for (let step = 0; step < 1_000; step++) {
    pace.noteBytes(3)
    expect(pace.noteWait(10)).toBe(true)
  }
})

test('never asks for a wait beyond the end of the window', () => {
  const pace = new BodyPace(limits)
  pace.noteWait(25)
  pace.noteBytes(1)
  pace.noteWait(15)
  pace.noteBytes(1)
  expect(pace.nextWaitMs).toBe(10)
})

test('the slowest client that is served fills a frame before its file-server gives the upload up', () => {
  const { windowMs, minWindowBytes } = DEFAULT_PACE
  expect((FRAME_BYTES / minWindowBytes) * windowMs).toBeLessThan(UPLOAD_IDLE_TIMEOUT_MS)
})
