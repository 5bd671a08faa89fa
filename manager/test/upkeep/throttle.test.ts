import { expect, test } from 'vitest'
import { Throttle } from '../../src/upkeep/throttle.ts'

const MIB = 1024 ** 2
const never = () => new AbortController().signal

test('all that take keep together to the rate', async () => {
  const throttle = new Throttle(20 * MIB)
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: 3 }, () => throttle.take(4 * MIB, never())))
  const tookMs = performance.now() - startedAt
  // 12 MiB take 600 ms, less the last piece, which nobody waits for, and what was not used before.
  expect(tookMs).toBeGreaterThan(400)
})

test('whoever takes little does not wait for all of one who takes much', async () => {
  const throttle = new Throttle(20 * MIB)
  const stop = new AbortController()
  const much = throttle.take(1_000 * MIB, stop.signal)
  const startedAt = performance.now()
  await throttle.take(MIB, never())
  expect(performance.now() - startedAt).toBeLessThan(8_000)
  stop.abort()
  await much
})
