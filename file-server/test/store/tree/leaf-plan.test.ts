import { array, assert, constantFrom, nat, property, record, string } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { planLeaf } from '../../../src/store/tree/leaf-plan.ts'

const nameOf = (digit: string, id: string) => `${digit}-${id.repeat(40)}-${id.repeat(64)}`
const entry = (name: string, changedAtMs = 0, isFile = true) => ({ name, isFile, sizeBytes: 5, changedAtMs })

describe('planLeaf', () => {
  it('keeps the copy that was written last where a slot has two, and the same one at equal times', () => {
    const later = planLeaf([entry(nameOf('3', 'a'), 10), entry(nameOf('3', 'b'), 20)])
    expect(later.copies.map((copy) => copy.name)).toEqual([nameOf('3', 'b')])
    expect(later.extras.map((copy) => copy.name)).toEqual([nameOf('3', 'a')])
    const names = [nameOf('3', 'a'), nameOf('3', 'b')]
    for (const order of [names, names.toReversed()])
      expect(planLeaf(order.map((name) => entry(name))).copies[0]?.name).toBe(nameOf('3', 'a'))
  })

  it('removes unfinished copies and counts their slots as free', () => {
    const unfinished = `5-${'a'.repeat(40)}.part`
    const plan = planLeaf([entry(unfinished)])
    expect(plan.unfinished).toEqual([unfinished])
    expect(plan.freeDigits).toHaveLength(36)
  })

  it('withholds the digit of a foreign name, and another one where it has none of its own', () => {
    const plan = planLeaf([
      entry('7.txt'),
      entry('.hidden'),
      entry(nameOf('z', 'a')),
      entry(nameOf('4', 'b'), 0, false),
    ])
    expect(plan.foreign).toHaveLength(3)
    expect(plan.freeDigits).toHaveLength(32)
    for (const digit of [7, 4, 34, 35]) expect(plan.freeDigits).not.toContain(digit)
  })

  it('never lets what stays and what may come exceed 36 entries', () => {
    const names = array(
      record({ kind: constantFrom('copy', 'unfinished', 'foreign'), digit: nat(35), id: nat(15), text: string() }),
      { maxLength: 36 },
    )
    assert(
      property(names, (list) => {
        const unique = new Set(
          list.map(({ kind, digit, id, text }) => {
            if (kind === 'foreign') return `x${text}`
            const name = nameOf(digit.toString(36), id.toString(16))
            return kind === 'copy' ? name : `${name.slice(0, 42)}.part`
          }),
        )
        const plan = planLeaf([...unique].map((name) => entry(name)))
        expect(plan.copies.length + plan.foreign.length + plan.freeDigits.length).toBeLessThanOrEqual(36)
        expect(plan.copies.length + plan.extras.length + plan.unfinished.length + plan.foreign.length).toBe(unique.size)
      }),
    )
  })
})
