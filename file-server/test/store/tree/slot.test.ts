import { type CopyId, type Digest, SLOT_COUNT, type Slot } from '@holdfast/shared/ids'
import { assert, nat, property, string, tuple } from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  copyPath,
  digitOf,
  leafOf,
  parseLeafName,
  parseQuarantineName,
  quarantinePath,
  slotAt,
  unfinishedPath,
} from '../../../src/store/tree/slot.ts'

const hex = (length: number) =>
  string({ unit: tuple(nat(15)).map(([digit]) => digit.toString(16)), minLength: length, maxLength: length })
const slots = nat(SLOT_COUNT - 1).map((slot) => slot as Slot)
const copies = tuple(hex(40), slots, hex(64)).map(([copyId, slot, sha256]) => ({
  copyId: copyId as CopyId,
  slot,
  sha256: sha256 as Digest,
}))
const nameIn = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

describe('slot', () => {
  it('writes slot 1297 as 0/0/0/1/0/1', () => {
    const copy = { copyId: 'c'.repeat(40) as CopyId, slot: 1297 as Slot, sha256: 'd'.repeat(64) as Digest }
    expect(copyPath(copy)).toBe(`0/0/0/1/0/1-${'c'.repeat(40)}-${'d'.repeat(64)}`)
    expect(unfinishedPath(copy.slot, copy.copyId)).toBe(`0/0/0/1/0/1-${'c'.repeat(40)}.part`)
  })

  it('splits every slot into a leaf and a digit and back', () => {
    assert(property(slots, (slot) => slotAt(leafOf(slot), digitOf(slot)) === slot))
  })

  it('gives five directories of one digit and a name that reads back as the same copy', () => {
    assert(
      property(copies, ({ copyId, slot, sha256 }) => {
        const path = copyPath({ copyId, slot, sha256 })
        expect(path).toMatch(/^([0-9a-z]\/){5}[0-9a-z]-/)
        expect(Number.parseInt(path.slice(0, 11).replaceAll('/', ''), 36)).toBe(slot)
        expect(parseLeafName(nameIn(path))).toEqual({ kind: 'copy', digit: digitOf(slot), copyId, sha256 })
        expect(parseLeafName(nameIn(unfinishedPath(slot, copyId)))).toEqual({
          kind: 'unfinished',
          digit: digitOf(slot),
          copyId,
        })
      }),
    )
  })

  it('keeps in the quarantine which slot a copy came from', () => {
    assert(
      property(copies, slots, (copy, place) => {
        const name = nameIn(quarantinePath(place, copy))
        expect(parseQuarantineName(name)).toEqual({ digit: digitOf(place), copy })
        expect(parseLeafName(name)).toEqual({ kind: 'foreign' })
      }),
    )
  })

  it('takes any other name for a foreign one', () => {
    const copy = `0-${'c'.repeat(40)}-${'d'.repeat(64)}`
    for (const name of ['', '0', '.', 'README', `A${copy.slice(1)}`, `${copy}~`, ` ${copy}`, copy.toUpperCase()])
      expect(parseLeafName(name)).toEqual({ kind: 'foreign' })
    assert(
      property(string(), (name) => {
        expect(parseLeafName(name).kind).toBe('foreign')
        expect(parseQuarantineName(name)).toBeNull()
      }),
    )
  })
})
