import { type CopyId, type Digest, type FileId, fileIdOf, type ServerId, type Slot } from '@holdfast/shared/ids'
import type { CopyPage, NamedCopy } from '@holdfast/shared/wire/shapes'
import fc from 'fast-check'
import { Types } from 'mongoose'
import { expect, test } from 'vitest'
import type { Holder } from '../../../src/files/file.model.ts'
import { findMissing, isUnlikelyShare, judgePage } from '../../../src/upkeep/reconcile/plan-reconcile.ts'

const server = 'aaaaaaaaaaaaaaaa' as ServerId
const elsewhere = 'bbbbbbbbbbbbbbbb' as ServerId
const sha256 = 'cd'.repeat(32) as Digest

const copyOf = (number: number, slot = number): NamedCopy => ({
  copyId: `${number.toString(16).padStart(24, '0')}${'0'.repeat(5)}abababababa` as CopyId,
  slot: slot as Slot,
  sha256,
})
const recordOf = (copy: NamedCopy, place: { server?: ServerId; slot?: Slot; copyId?: CopyId } = {}): Holder => ({
  _id: new Types.ObjectId(fileIdOf(copy.copyId)),
  state: 'live',
  storageClass: 'single',
  chunks: [{ size: 1, sha256, replicas: [{ server, slot: copy.slot, copyId: copy.copyId, ...place }], version: 0 }],
})
const tombstoneOf = (copy: NamedCopy): Holder =>
  ({ _id: new Types.ObjectId(fileIdOf(copy.copyId)), state: 'tombstone', storageClass: 'single', chunks: [] }) as Holder
const byId = (...records: Holder[]): Map<FileId, Holder> =>
  new Map(records.map((record) => [record._id.toHexString() as FileId, record]))
const pageOf = (where: CopyPage['where'], ...copies: NamedCopy[]): CopyPage => ({ where, copies, next: null })

const copy = copyOf(7)
const otherChunk = `${copy.copyId.slice(0, 24)}00001${copy.copyId.slice(29)}` as CopyId
/** The record has a newer copy elsewhere. */
const leavingOf = ({ slot, copyId }: NamedCopy): Holder => ({
  _id: new Types.ObjectId(fileIdOf(copyId)),
  state: 'live',
  storageClass: 'single',
  chunks: [
    {
      size: 1,
      sha256,
      replicas: [{ server: elsewhere, slot, copyId }],
      leaving: [{ server, slot, copyId }],
      version: 1,
    },
  ],
})

test.each<[string, Holder[], boolean]>([
  ['a record that names it', [recordOf(copy)], false],
  ['no record', [], true],
  ['a tombstone', [tombstoneOf(copy)], true],
  ['a record of the file that names another file-server', [recordOf(copy, { server: elsewhere })], true],
  ['a record of the file that names another slot', [recordOf(copy, { slot: 8 as Slot })], true],
  [
    'a record of the file that names a later copy',
    [recordOf(copy, { copyId: `${copy.copyId.slice(0, 29)}fffffffffff` as CopyId })],
    true,
  ],
  ['a record of whose chunk it is leaving', [leavingOf(copy)], false],
  [
    'a record that names it as of another chunk',
    [recordOf({ ...copy, copyId: otherChunk }, { copyId: otherChunk })],
    true,
  ],
  ['a deleted record that still names it', [{ ...recordOf(copy), state: 'deleted' }], false],
])('with %s a copy is an orphan: %s %s', (_, records, isOrphan) => {
  expect(judgePage(server, pageOf('tree', copy), byId(...records)).orphans).toEqual(isOrphan ? [copy] : [])
})

test('a quarantined copy that a record names is put back, one in the tree is left alone', () => {
  const records = byId(recordOf(copy))
  expect(judgePage(server, pageOf('quarantine', copy), records)).toEqual({
    orphans: [],
    toRestore: [copy],
    toRecount: [],
  })
  expect(judgePage(server, pageOf('tree', copy), records)).toEqual({ orphans: [], toRestore: [], toRecount: [] })
})

test('a quarantined copy that is leaving is not put back', () => {
  const verdict = judgePage(server, pageOf('quarantine', copy), byId(leavingOf(copy)))
  expect(verdict).toEqual({ orphans: [], toRestore: [], toRecount: [] })
})

test('copies are judged by the chunk that they are of, in a file of several', () => {
  const numbered = (number: number): CopyId =>
    `${copy.copyId.slice(0, 24)}${number.toString(16).padStart(5, '0')}${copy.copyId.slice(29)}` as CopyId
  const copies = [0, 1, 2].map((number) => ({ ...copy, copyId: numbered(number), slot: (20 + number) as Slot }))
  const holder: Holder = {
    ...recordOf(copy),
    chunks: copies.slice(0, 2).map(({ slot, copyId }) => ({
      size: 1,
      sha256,
      replicas: [{ server, slot, copyId }],
      version: 0,
    })),
  }
  expect(judgePage(server, pageOf('tree', ...copies), byId(holder)).orphans).toEqual(copies.slice(2))
  expect(findMissing(server, pageOf('tree', ...copies.slice(0, 1)), [holder])).toMatchObject([copies[1] as object])
})

test('whatever the page and the records, every copy is an orphan or named, never both', () => {
  const property = fc.property(
    fc.uniqueArray(fc.nat(200), { maxLength: 30 }),
    fc.array(fc.nat(200), { maxLength: 30 }),
    fc.constantFrom('tree' as const, 'quarantine' as const),
    (listed, recorded, where) => {
      const copies = listed.map((number) => copyOf(number))
      const verdict = judgePage(server, pageOf(where, ...copies), byId(...recorded.map((n) => recordOf(copyOf(n)))))
      const isRecorded = (one: NamedCopy): boolean => recorded.some((n) => copyOf(n).copyId === one.copyId)
      expect(verdict.orphans).toEqual(copies.filter((one) => !isRecorded(one)))
      expect(verdict.toRestore).toEqual(where === 'tree' ? [] : copies.filter(isRecorded))
    },
  )
  fc.assert(property, { numRuns: 200 })
})

test('a copy that a record names and the page does not list is missing; those of other file-servers are not asked for', () => {
  const [here, gone] = [copyOf(1), copyOf(2)]
  const records = [recordOf(here), recordOf(gone), recordOf(copyOf(3), { server: elsewhere })]
  expect(findMissing(server, pageOf('tree', here), records)).toMatchObject([gone])
})

test('another copy in the slot does not stand for the missing one', () => {
  expect(findMissing(server, pageOf('tree', copyOf(9, 7)), [recordOf(copy)])).toMatchObject([copy])
})

test.each([
  [0, 0, 5, false],
  [50, 51, 5, false],
  [51, 52, 5, true],
  [5, 5, 5, false],
  [6, 6, 5, true],
  [6, 7, 5, false],
  [6, 6, 100, false],
  [51, 1_019, 5, true],
  [51, 1_020, 5, false],
  [1_000, 20_000, 5, false],
  [1_001, 20_000, 5, true],
  [51, 51, 100, false],
  [51, 100_000, 0, true],
])('%i orphans of %i copies at a bound of %i %% are unlikely: %s', (orphans, copies, percent, expected) => {
  expect(isUnlikelyShare(orphans, copies, percent)).toBe(expected)
})
