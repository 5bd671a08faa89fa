import type { CopyId, Slot } from '@holdfast/shared/ids'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SuspectClock } from '../../src/link/suspect-clock.ts'

const suspect = (number: number, slot = number) => ({
  copyId: number.toString(16).padStart(40, '0') as CopyId,
  slot: slot as Slot,
})

test('a copy is as old as the time since it was first named, whatever comes between', () => {
  let now = 1_000
  const clock = new SuspectClock(() => now)
  expect(clock.agesMs([suspect(1)])).toEqual([0])
  now += 500
  expect(clock.agesMs([suspect(2), suspect(1)])).toEqual([0, 500])
  now += 500
  expect(clock.agesMs([suspect(1), suspect(2), suspect(1)])).toEqual([1_000, 500, 1_000])
})

test('the same copyId in another slot is another suspect', () => {
  let now = 0
  const clock = new SuspectClock(() => now)
  clock.agesMs([suspect(1, 7)])
  now = 100
  expect(clock.agesMs([suspect(1, 8), suspect(1, 7)])).toEqual([0, 100])
})

test('of more suspects than it can keep it forgets the oldest, whose clocks start anew', () => {
  let now = 0
  const clock = new SuspectClock(() => now)
  const all = Array.from({ length: 200_001 }, (_, index) => suspect(index))
  clock.agesMs(all)
  now = 10
  expect(clock.agesMs([suspect(200_000)])).toEqual([10])
  expect(clock.agesMs([suspect(1)])).toEqual([10])
  expect(clock.agesMs([suspect(0)])).toEqual([0])
})

test('whatever is named when, no copy is ever older than the time since it was first named', () => {
  const property = fc.property(
    fc.array(fc.tuple(fc.nat(1_000), fc.array(fc.nat(5), { maxLength: 4 })), { maxLength: 20 }),
    (rounds) => {
      let now = 0
      const firstAt = new Map<number, number>()
      const clock = new SuspectClock(() => now)
      for (const [passed, numbers] of rounds) {
        now += passed
        for (const number of numbers) firstAt.set(number, firstAt.get(number) ?? now)
        expect(clock.agesMs(numbers.map((number) => suspect(number)))).toEqual(
          numbers.map((number) => now - (firstAt.get(number) ?? now)),
        )
      }
    },
  )
  fc.assert(property, { numRuns: 200 })
})
