import type { Digest, Slot } from '@holdfast/shared/ids'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DigestIndex } from '../../../src/store/tree/digest-index.ts'

/** Digests that begin alike stand in one place of the table. */
const digestOf = (beginning: number): Digest => beginning.toString(16).padStart(8, '0').padEnd(64, '7') as Digest

test('knows the slots of every digest, whatever was added and removed', () => {
  const change = fc.record({ isAdded: fc.boolean(), print: fc.nat(5), slot: fc.nat(8) })
  const property = fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
    const index = new DigestIndex()
    const model = new Map<number, Set<number>>()
    // A slot holds one copy at a time.
    const heldBy = new Map<number, number>()
    for (const { isAdded, print, slot } of changes) {
      if (isAdded && !heldBy.has(slot)) {
        index.add(digestOf(print), slot as Slot)
        heldBy.set(slot, print)
        model.set(print, (model.get(print) ?? new Set()).add(slot))
      } else if (!isAdded) {
        index.remove(digestOf(print), slot as Slot)
        if (heldBy.get(slot) === print) heldBy.delete(slot)
        model.get(print)?.delete(slot)
      }
    }
    for (let each = 0; each <= 5; each++)
      expect([...index.slotsOf(digestOf(each))].sort()).toEqual([...(model.get(each) ?? [])].sort())
  })
  fc.assert(property, { numRuns: 50 })
})

test('grows with what it holds, and forgets what is gone', () => {
  const index = new DigestIndex()
  const print = (number: number): Digest => digestOf((number * 2_654_435_761) % 2 ** 32)
  for (let round = 0; round < 3; round++) {
    for (let number = 0; number < 5_000; number++) index.add(print(number), number as Slot)
    const found = () => Array.from({ length: 5_000 }, (_, number) => [...index.slotsOf(print(number))].join())
    expect(found()).toEqual(Array.from({ length: 5_000 }, (_, number) => String(number)))
    for (let number = 0; number < 5_000; number++) index.remove(print(number), number as Slot)
    expect(new Set(found())).toEqual(new Set(['']))
  }
})

test('knows the newest of very many copies of one content, without a search through them', () => {
  const index = new DigestIndex()
  for (let slot = 0; slot < 50_000; slot++) index.add(digestOf(1), slot as Slot)
  const known = index.slotsOf(digestOf(1))
  expect(known.sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, number) => 49_984 + number))
  for (let slot = 0; slot < 49_999; slot++) index.remove(digestOf(1), slot as Slot)
  expect(index.slotsOf(digestOf(1))).toEqual([49_999])
})

test('a content that comes and goes all the time leaves nothing to search through', () => {
  const index = new DigestIndex()
  for (let slot = 0; slot < 20_000; slot++) index.add(digestOf(slot * 7), slot as Slot)
  for (let round = 0; round < 20_000; round++) {
    index.add(digestOf(3), 20_000 as Slot)
    index.remove(digestOf(3), 20_000 as Slot)
  }
  expect(index.slotsOf(digestOf(3))).toEqual([])
})
