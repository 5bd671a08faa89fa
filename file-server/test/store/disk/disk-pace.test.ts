import { expect, test } from 'vitest'
import { DiskPace } from '../../../src/store/disk/disk-pace.ts'

/** Makes a pace whose calls take as long as the test says. */
function paced(hasWaited?: () => boolean) {
  let now = 1_000
  const pace = new DiskPace({ now: () => now, slowMs: 5, ...(hasWaited === undefined ? {} : { hasWaited }) })
  return {
    wait: (ms: number) => {
      now += ms
    },
    /** @returns whether the call was made at once. */
    call: (ms: number): Promise<boolean> => {
      const atOnce = (): boolean => {
        now += ms
        return true
      }
      return pace.run(atOnce, async () => false)
    },
    fail: (ms: number): Promise<unknown> => {
      const atOnce = (): never => {
        now += ms
        throw new Error('EIO')
      }
      return pace.run<unknown>(atOnce, async () => false)
    },
  }
}

test('while calls are fast all are made at once', async () => {
  const { call } = paced()
  for (let count = 0; count < 100; count++) expect(await call(0.1)).toBe(true)
})

test('one slow call sends those after it to the pool for a while', async () => {
  const { call, wait } = paced()
  expect(await call(30)).toBe(true)
  expect(await call(0.1)).toBe(false)
  wait(249)
  expect(await call(0)).toBe(false)
  wait(1)
  expect(await call(0)).toBe(true)
})

test('a slow call that fails counts like any other, and its error is told', async () => {
  const { call, fail } = paced()
  await expect(fail(30)).rejects.toThrow('EIO')
  expect(await call(0.1)).toBe(false)
})

test('a disk that stays slow is tried less and less often, at most once a minute', async () => {
  const { call, wait } = paced()
  const pausesMs: number[] = []
  expect(await call(10_000)).toBe(true)
  while (pausesMs.length < 12) {
    let pausedMs = 0
    for (; !(await call(10_000)); pausedMs += 250) wait(250)
    pausesMs.push(pausedMs)
  }
  expect(pausesMs).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000])
})

test('a slow call after fast ones costs the shortest pause again', async () => {
  const { call, wait } = paced()
  await call(10)
  wait(250)
  await call(10)
  wait(250)
  expect(await call(0)).toBe(false)
  wait(250)
  expect(await call(0.1)).toBe(true)
  await call(10)
  wait(250)
  expect(await call(0.1)).toBe(true)
})

test('a slow call that waited for the processor, not for the disk, changes nothing', async () => {
  let hasWaited = false
  const { call } = paced(() => hasWaited)
  expect([await call(30), await call(30)]).toEqual([true, true])
  hasWaited = true
  expect([await call(30), await call(0)]).toEqual([true, false])
})
