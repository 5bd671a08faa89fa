import type { Slot } from '@holdfast/shared/ids'
import { array, assert, constantFrom, nat, property, tuple } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FreeSlots } from '../../../src/store/tree/free-slots.ts'
import { ALL_DIGITS, type Leaf, slotAt } from '../../../src/store/tree/slot.ts'

const LEAVES = 4
const SLOTS = LEAVES * 36

/** Takes the lowest slot as the allocator does, in a tree where every unopened leaf turns out to be wholly free. */
function takeLowest(free: FreeSlots): Slot | null {
  for (let lowest = free.lowest(); lowest !== null; lowest = free.lowest()) {
    if (lowest.kind === 'slot') return free.take(lowest.slot) ? lowest.slot : null
    for (const digit of ALL_DIGITS) free.add(slotAt(lowest.leaf, digit))
    free.opened(lowest.leaf)
  }
  return null
}

describe('FreeSlots', () => {
  it('hands out the lowest slot like a sorted list does, whatever is taken and freed in between', () => {
    const steps = array(tuple(constantFrom('lowest', 'add', 'take'), nat(SLOTS - 1)), { maxLength: 300 })
    assert(
      property(steps, (list) => {
        const free = new FreeSlots()
        free.addUnopened(0 as Leaf, LEAVES)
        const model = new Set(Array.from({ length: SLOTS }, (_, slot) => slot))
        let openedSlots = 0
        for (const [step, number] of list) {
          const slot = number as Slot
          if (step === 'lowest') {
            const expected = model.size === 0 ? null : Math.min(...model)
            expect(takeLowest(free)).toBe(expected)
            if (expected === null) continue
            model.delete(expected)
            openedSlots = Math.max(openedSlots, (Math.floor(expected / 36) + 1) * 36)
          } else if (slot >= openedSlots) {
            expect(free.take(slot)).toBe(false)
          } else if (step === 'add') {
            expect(free.add(slot)).toBe(!model.has(slot))
            model.add(slot)
          } else expect(free.take(slot)).toBe(model.delete(slot))
        }
      }),
      { numRuns: 200 },
    )
  })

  it('goes through gaps in order, and around what is dropped', () => {
    const free = new FreeSlots()
    free.addUnopened(7 as Leaf, 9)
    free.addUnopened(2 as Leaf, 3)
    free.add(180 as Slot)
    const taken = Array.from({ length: 74 }, () => takeLowest(free))
    const span = (leaf: number) => ALL_DIGITS.map((digit) => leaf * 36 + digit)
    expect(taken).toEqual([...span(2), 180, ...span(7), 288])
    free.dropLeaf(8 as Leaf)
    expect(free.lowest()).toBeNull()
    free.add(290 as Slot)
    expect(takeLowest(free)).toBe(290)
  })

  it('knows which slots are free, up to the last digit of a leaf', () => {
    const free = new FreeSlots()
    for (const digit of ALL_DIGITS.slice(1)) free.add(slotAt(3 as Leaf, digit))
    const taken = () => ALL_DIGITS.filter((digit) => !free.has(slotAt(3 as Leaf, digit)))
    expect(taken()).toEqual([0])
    free.add(slotAt(3 as Leaf, 0))
    expect(taken()).toEqual([])
    free.take(slotAt(3 as Leaf, 35))
    expect(taken()).toEqual([35])
    expect(free.has(slotAt(4 as Leaf, 0))).toBe(false)
  })
})
