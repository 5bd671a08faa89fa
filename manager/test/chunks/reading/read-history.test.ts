import { beforeEach, expect, test } from 'vitest'
import { costOf, ReadHistory } from '../../../src/chunks/reading/read-history.ts'

let now = 0
beforeEach(() => {
  now = 1_000
})
const newHistory = (): ReadHistory => new ReadHistory(() => now)
const LENGTH = 4_000_000

/** Reads for so many milliseconds. */
function read(history: ReadHistory, ms: number): void {
  const noted = history.begin(LENGTH)
  now += ms
  noted.hear()
  noted.end(true)
}

test('nothing is known of a file-server that was not read from', () => {
  expect(newHistory().pace).toEqual({ isSilent: false, msPerByte: null, loadBytes: 0 })
})

test('the speed follows the last reads', () => {
  const history = newHistory()
  read(history, 10)
  expect(history.pace.msPerByte).toBeCloseTo(10 / costOf(LENGTH), 12)
  for (let count = 0; count < 20; count++) read(history, 100)
  expect(history.pace.msPerByte).toBeGreaterThan(99 / costOf(LENGTH))
})

test('reads that share a file-server do not make it slower than it is', () => {
  const history = newHistory()
  const noted = [1, 2, 3, 4].map(() => history.begin(LENGTH))
  expect(history.pace.loadBytes).toBe(4 * costOf(LENGTH))
  for (const each of noted) {
    now += 10
    each.end(true)
  }
  expect(history.pace.msPerByte).toBeCloseTo(10 / costOf(LENGTH), 12)
  expect(history.pace.loadBytes).toBe(0)
})

test('a read that failed says nothing of the speed, and one that was given up says that it is no faster', () => {
  const history = newHistory()
  read(history, 100)
  const before = history.pace.msPerByte
  const failed = history.begin(LENGTH)
  now += 1
  failed.end(false)
  const quick = history.begin(LENGTH)
  quick.giveUp()
  quick.end(false)
  expect(history.pace.msPerByte).toBe(before)
  const slow = history.begin(LENGTH)
  now += 1_000
  slow.giveUp()
  expect(history.pace.msPerByte).toBeGreaterThan(3 * (before ?? 0))
})

test('after half a minute a slow file-server is tried again, by one read', () => {
  const history = newHistory()
  read(history, 1_000)
  now += 30_000
  expect(history.pace.msPerByte).toBeNull()
  const trial = history.begin(LENGTH)
  expect(history.pace.msPerByte).toBeCloseTo(1_000 / costOf(LENGTH), 12)
  now += 1
  trial.end(true)
  expect(history.pace.msPerByte).toBeCloseTo(1 / costOf(LENGTH), 12)
})

test('a silent file-server is silent until something arrives', () => {
  const history = newHistory()
  const noted = history.begin(LENGTH)
  history.noteSilence()
  expect(history.pace.isSilent).toBe(true)
  expect([noted.hear(), noted.hear(), history.pace.isSilent]).toEqual([true, false, false])
})

test('after half a minute a silent file-server is tried again, by one read, and again half a minute later', () => {
  const history = newHistory()
  history.noteSilence()
  now += 29_999
  expect(history.pace.isSilent).toBe(true)
  now += 1
  expect(history.pace.isSilent).toBe(false)
  const trial = history.begin(LENGTH)
  expect(history.pace.isSilent).toBe(true)
  now += 300
  trial.giveUp()
  trial.end(false)
  now += 29_999
  expect(history.pace.isSilent).toBe(true)
  now += 1
  expect(history.pace.isSilent).toBe(false)
})

test('it is quiet since the last thing that any read brought', () => {
  const history = newHistory()
  expect(history.quietMs).toBe(Number.POSITIVE_INFINITY)
  read(history, 10)
  now += 70
  expect(history.quietMs).toBe(70)
})
