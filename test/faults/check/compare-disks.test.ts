import { expect, test } from 'vitest'
import { compareDisks, type PlacedFile } from './compare-disks.ts'

const sha256 = 'a'.repeat(64)
const copyId = 'b'.repeat(40)
const path = `tree/0/0/0/1/0/1-${copyId}-${sha256}`
const found = (where = path, server = 's1') => ({ server, path: where, absolutePath: `/disk/${where}` })
const record = (change: Partial<PlacedFile> = {}): PlacedFile => ({
  name: 'f',
  state: 'live',
  chunks: [{ size: 3, sha256, replicas: [{ server: 's1', slot: 1297, copyId }] }],
  ...change,
})

test('disks that hold what the records name have nothing wrong with them', () => {
  expect(compareDisks([record(), { name: 't', state: 'tombstone' }], [found()])).toEqual([])
})

test.each<[string, PlacedFile[], ReturnType<typeof found>[], RegExp]>([
  ['a copy that is gone', [record()], [], /^f: the record names s1:tree.* which is not there$/],
  ['a copy on another file-server', [record()], [found(path, 's2')], /which is not there$/],
  ['a copy without a record', [], [found()], /belongs to no live file$/],
  ['a copy of a collected upload', [record({ state: 'tombstone' })], [found()], /belongs to no live file$/],
  ['what is left of an upload', [], [found('tree/0/0/0/0/0/1-x.part')], /is left of an upload$/],
  ['a copy in the quarantine', [], [found(`quarantine/0/0/0/0/0/0-x`)], /stays in the quarantine$/],
  ['a deleted record that stays', [record({ state: 'deleted', chunks: [] })], [], /^f: deleted, its record stays$/],
  ['a live record without a copy', [record({ chunks: [] })], [], /^f: the record names no copy$/],
])('finds %s', (_what, records, files, sentence) => {
  expect(compareDisks(records, files)).toContainEqual(expect.stringMatching(sentence))
})
