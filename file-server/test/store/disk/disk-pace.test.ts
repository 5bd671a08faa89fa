import { expect, test } from 'vitest'
import { DiskPace } from '../../../src/store/disk/disk-pace.ts'

/** A pace whose calls take as long as the test says. */
function paced(hasWaited?: () => boolean) {
  let now = 1_000
  const pace = new DiskPace({ now: () => now, slowMs: 5, ...(hasWaited === undefined ? {} : { hasWaited }) })
  return {
    wait: (ms: number) => {
      now += ms
    },
    isFast: () => pace.begin(),
    /** @returns whether the call was made at once. */
    call: (ms: number): boolean => {
      if (!pace.begin()) return false
      now += ms
      pace.end()
      return true
    },
  }
}

test('while calls are fast all are made at once', () => {
  const { call } = paced()
  expect(Array.from({ length: 100 }, () => call(0.1)).every(Boolean)).toBe(true)
})

test('one slow call sends those after it to the pool for a while', () => {
  const { call, wait, isFast } = paced()
  expect(call(30)).toBe(true)
  expect(call(0.1)).toBe(false)
  wait(249)
  expect(isFast()).toBe(false)
  wait(1)
  expect(isFast()).toBe(true)
})

test('a disk that stays slow is tried less and less often, at most once a minute', () => {
  const { call, wait, isFast } = paced()
  const pausesMs = Array.from({ length: 12 }, () => {
    expect(call(10_000)).toBe(true)
    let pausedMs = 0
    for (; !isFast(); pausedMs += 250) wait(250)
    return pausedMs
  })
  expect(pausesMs).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000])
})

test('a slow call after fast ones costs the shortest pause again', () => {
  const { call, wait } = paced()
  call(10)
  wait(250)
  call(10)
  wait(250)
  expect(call(0)).toBe(false)
  wait(250)
  expect(call(0.1)).toBe(true)
  call(10)
  wait(250)
  expect(call(0.1)).toBe(true)
})

test('a slow call that waited for the processor, not for the disk, changes nothing', () => {
  let hasWaited = false
  const { call } = paced(() => hasWaited)
  expect([call(30), call(30)]).toEqual([true, true])
  hasWaited = true
  expect([call(30), call(0)]).toEqual([true, false])
})
