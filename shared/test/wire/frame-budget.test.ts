import { setImmediate as nextTurn } from 'node:timers/promises'
import { FRAME_BYTES, MAX_UNACKED_BYTES } from '@holdfast/shared/limits'
import { FAST_ACK_MS, FrameBudget, SLOW_ACK_MS } from '@holdfast/shared/wire/frame-budget'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'

/** Lets the budget grow to so many bytes. */
async function grownBudget(bytes: number): Promise<FrameBudget> {
  const budget = new FrameBudget()
  while (budget.capacityBytes < bytes) {
    await budget.acquire(1)
    budget.release(1, 0)
  }
  return budget
}

test('starts at one frame, grows by one with each fast ack, and stops at its most', async () => {
  const budget = new FrameBudget()
  const capacities: number[] = []
  for (let count = 0; count < 10; count++) {
    capacities.push(budget.capacityBytes / FRAME_BYTES)
    await budget.acquire(FRAME_BYTES)
    budget.release(FRAME_BYTES, FAST_ACK_MS - 1)
  }
  expect(capacities).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 8, 8])
  expect(budget.capacityBytes).toBe(MAX_UNACKED_BYTES)
})

test('halves with each slow ack, but keeps enough for one frame', async () => {
  const budget = await grownBudget(MAX_UNACKED_BYTES)
  const capacities: number[] = []
  for (let count = 0; count < 5; count++) {
    await budget.acquire(FRAME_BYTES)
    budget.release(FRAME_BYTES, SLOW_ACK_MS + 1)
    capacities.push(budget.capacityBytes / FRAME_BYTES)
  }
  expect(capacities).toEqual([4, 2, 1, 1, 1])
})

test.each([null, FAST_ACK_MS, 1_000, SLOW_ACK_MS])('keeps its size at an ack of %s ms', async (ackDelayMs) => {
  const budget = await grownBudget(3 * FRAME_BYTES)
  await budget.acquire(FRAME_BYTES)
  budget.release(FRAME_BYTES, ackDelayMs)
  expect(budget.capacityBytes).toBe(3 * FRAME_BYTES)
})

test('lets a message larger than the whole budget through, alone', async () => {
  const budget = new FrameBudget()
  const large = 2 * FRAME_BYTES
  await budget.acquire(large)
  const order: string[] = []
  const small = budget.acquire(1).then(() => order.push('small'))
  const nextLarge = budget.acquire(large).then(() => order.push('large'))
  await nextTurn()
  expect(order).toEqual([])
  budget.release(large, null)
  await small
  await nextTurn()
  expect(order).toEqual(['small'])
  budget.release(1, null)
  await nextLarge
  expect(order).toEqual(['small', 'large'])
})

test('a waiter that gives up makes way for those behind it and leaves no listener', async () => {
  const budget = new FrameBudget()
  await budget.acquire(FRAME_BYTES - 10)
  const controller = new AbortController()
  const large = budget.acquire(FRAME_BYTES, controller.signal)
  const small = budget.acquire(10)
  const refusal = expect(large).rejects.toMatchObject({ name: 'CANCELLED', cause: 'enough' })
  controller.abort('enough')
  await refusal
  await small
  expect(budget.usedBytes).toBe(FRAME_BYTES)
})

test('a signal that fires after the grant takes nothing back', async () => {
  const budget = new FrameBudget()
  const controller = new AbortController()
  const remove = vi.spyOn(controller.signal, 'removeEventListener')
  await budget.acquire(FRAME_BYTES)
  const waiting = budget.acquire(10, controller.signal)
  budget.release(FRAME_BYTES, null)
  controller.abort()
  await waiting
  expect(budget.usedBytes).toBe(10)
  expect(remove).toHaveBeenCalledTimes(1)
})

test('a signal that fired before takes nothing', async () => {
  const budget = new FrameBudget()
  await expect(budget.acquire(1, AbortSignal.abort())).rejects.toMatchObject({ name: 'CANCELLED' })
  expect(budget.usedBytes).toBe(0)
})

type Step =
  | { readonly kind: 'acquire'; readonly bytes: number }
  | { readonly kind: 'release'; readonly which: number; readonly ackDelayMs: number | null }
  | { readonly kind: 'cancel'; readonly which: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('acquire' as const), bytes: fc.integer({ min: 1, max: 3 * FRAME_BYTES }) }),
  fc.record({
    kind: fc.constant('release' as const),
    which: fc.nat(),
    ackDelayMs: fc.option(fc.integer({ min: 0, max: 3_000 })),
  }),
  fc.record({ kind: fc.constant('cancel' as const), which: fc.nat() }),
)

test('in any order of events: never over capacity but for one alone, first come first served, nothing leaks', async () => {
  const property = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
    const budget = new FrameBudget()
    const held: number[] = []
    const grants: number[] = []
    let waiting: { id: number; bytes: number; controller: AbortController; done: Promise<void> }[] = []
    let id = 0
    for (const next of steps) {
      const capacityBefore = budget.capacityBytes
      const grantsBefore = grants.length
      if (next.kind === 'acquire') {
        const mine = { id: id++, bytes: next.bytes, controller: new AbortController(), done: Promise.resolve() }
        waiting.push(mine)
        mine.done = budget.acquire(mine.bytes, mine.controller.signal).then(
          () => {
            held.push(mine.bytes)
            grants.push(mine.id)
            waiting = waiting.filter((one) => one !== mine)
          },
          () => {
            waiting = waiting.filter((one) => one !== mine)
          },
        )
      } else if (next.kind === 'release' && held.length > 0) {
        const [bytes = 0] = held.splice(next.which % held.length, 1)
        budget.release(bytes, next.ackDelayMs)
      } else if (next.kind === 'cancel' && waiting.length > 0) {
        waiting[next.which % waiting.length]?.controller.abort()
      }
      await nextTurn()
      const used = held.reduce((sum, bytes) => sum + bytes, 0)
      expect(budget.usedBytes).toBe(used)
      const isGranted = grants.length > grantsBefore
      if (isGranted && held.length > 1) expect(used).toBeLessThanOrEqual(Math.max(capacityBefore, budget.capacityBytes))
      const [first] = waiting
      if (first !== undefined) expect(used > 0 && used + first.bytes > budget.capacityBytes).toBe(true)
    }
    expect(grants).toEqual([...grants].sort((a, b) => a - b))
    while (held.length > 0) {
      budget.release(held.pop() ?? 0, null)
      await nextTurn()
    }
    await Promise.all(waiting.map((one) => one.done))
    expect(waiting).toEqual([])
    expect(budget.usedBytes).toBe(held.reduce((sum, bytes) => sum + bytes, 0))
  })
  await fc.assert(property, { numRuns: 300 })
})

test('one that has no turn by its deadline is refused, and those behind it are served', async () => {
  const budget = new FrameBudget()
  await budget.acquire(FRAME_BYTES)
  const late = budget.acquire(FRAME_BYTES, undefined, 20).catch((error: { name: string }) => error.name)
  const next = budget.acquire(FRAME_BYTES, undefined, 10_000)
  expect(await late).toBe('OVERLOADED')
  budget.release(FRAME_BYTES, null)
  await next
  expect(budget.usedBytes).toBe(FRAME_BYTES)
})
