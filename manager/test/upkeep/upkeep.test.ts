import { createLogger } from '@holdfast/shared/node/logger'
import { afterEach, expect, test, vi } from 'vitest'
import type { Lease } from '../../src/upkeep/lease.ts'
import { type Loop, Upkeep } from '../../src/upkeep/upkeep.ts'

const quiet = createLogger('test', 'silent')
const held = { isHeld: true } as Lease
let upkeep: Upkeep | null = null
afterEach(() => upkeep?.close())

const loopOf = (name: string, run: () => Promise<boolean>, fields: Partial<Loop> = {}): Loop => ({
  ...{ name, everyMs: 60_000, run, ...fields },
})

test('a loop that is woken by its name runs again, and the others rest on', async () => {
  const [one, other] = [vi.fn(async () => false), vi.fn(async () => false)]
  upkeep = new Upkeep(held, [loopOf('one', one), loopOf('other', other)], quiet)
  await vi.waitFor(() => expect(other).toHaveBeenCalledTimes(1))
  upkeep.wake('one')
  await vi.waitFor(() => expect(one).toHaveBeenCalledTimes(2))
  expect(other).toHaveBeenCalledTimes(1)
})

test('a loop that is woken while it works does not rest after that', async () => {
  let end: () => void = () => undefined
  const run = vi.fn(() => new Promise<boolean>((resolve) => (end = () => resolve(false))))
  upkeep = new Upkeep(held, [loopOf('one', run)], quiet)
  await vi.waitFor(() => expect(run).toHaveBeenCalledTimes(1))
  upkeep.wake()
  end()
  await vi.waitFor(() => expect(run).toHaveBeenCalledTimes(2))
  const closing = upkeep.close()
  end()
  await closing
})

test('it tells of each loop what it does, why it is stuck, and what went wrong last', async () => {
  const progress = { done: 3, remaining: 5, bytesPerSecond: 7, secondsLeft: 1 }
  const loops = [
    loopOf('stuck', async () => false, { progress: () => ({ ...progress, stuck: 'no room' }) }),
    loopOf('failing', () => Promise.reject(new Error('broken'))),
    loopOf('working', () => new Promise(() => undefined), { progress: () => progress }),
  ]
  const running = new Upkeep(held, loops, quiet)
  await vi.waitFor(() => expect(running.statuses()[1]?.lastError).toBe('INTERNAL'))
  expect(running.statuses()).toMatchObject([
    { name: 'stuck', state: 'stuck', detail: 'no room', ...progress },
    { name: 'failing', state: 'resting', done: 0, remaining: null },
    { name: 'working', state: 'working', ...progress },
  ])
})

test('nothing runs without the lease', async () => {
  const run = vi.fn(async () => false)
  upkeep = new Upkeep({ isHeld: false } as Lease, [loopOf('one', run)], quiet)
  upkeep.wake()
  await upkeep.close()
  expect(run).not.toHaveBeenCalled()
})
