import { FRAME_BYTES } from '@holdfast/shared/limits'
import { UPLOAD_IDLE_TIMEOUT_MS } from '@holdfast/shared/wire/protocol'
import { expect, test } from 'vitest'
import { BodyPace, MAX_PATIENCE_MS, SLOWEST_BYTES_PER_SECOND } from '../../src/bodies/body-pace.ts'

const PATIENCE_MS = 60_000

test('gives up a client from which no byte came for as long as the patience', () => {
  const pace = new BodyPace(PATIENCE_MS)
  pace.noteBytes(1_000)
  expect(pace.nextWaitMs).toBe(60_000)
  expect(pace.noteWait(59_999)).toBe(true)
  expect(pace.nextWaitMs).toBe(1)
  expect(pace.noteWait(1)).toBe(false)
})

test('bears with one pause after the other of a client that is fast between them', () => {
  const pace = new BodyPace(PATIENCE_MS)
  for (let pause = 0; pause < 100; pause++) {
    expect(pace.noteWait(40_000)).toBe(true)
    pace.noteBytes(40 * SLOWEST_BYTES_PER_SECOND)
  }
})

test('gives up a client that only pretends to send', () => {
  const pace = new BodyPace(PATIENCE_MS)
  const isServedFor = (seconds: number): boolean =>
    Array.from({ length: seconds }).every(() => {
      pace.noteBytes(1)
      return pace.noteWait(1_000)
    })
  expect(isServedFor(60)).toBe(true)
  expect(isServedFor(2)).toBe(false)
})

test('bears with a slow client that keeps to the slowest pace, for as long as it takes', () => {
  const pace = new BodyPace(PATIENCE_MS)
  for (let second = 0; second < 10_000; second++) {
    pace.noteBytes(SLOWEST_BYTES_PER_SECOND)
    expect(pace.noteWait(1_000)).toBe(true)
  }
})

test('the slowest client that is served fills a frame before its file-server gives the upload up', () => {
  const frameMs = (FRAME_BYTES / SLOWEST_BYTES_PER_SECOND) * 1000
  expect(MAX_PATIENCE_MS + frameMs).toBeLessThan(UPLOAD_IDLE_TIMEOUT_MS)
})
