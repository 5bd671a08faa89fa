import { expect, test } from 'vitest'
import { compareDisks, type PlacedFile } from './compare-disks.ts'

const sha256 = 'a'.repeat(64)
const copyId = 'b'.repeat(40)
const path = `tree/0/0/0/1/0/1-${copyId}-${sha256}`
const found = (where = path, server = 's1') => ({ server, path: where, absolutePath: `/disk/${where}` })
const on = (server: string) => ({ server, slot: 1297, copyId })
const replicated = { storageClass: 'replicated' }
const servers = new Set(['s1', 's2'])
const record = (change: Partial<PlacedFile> = {}): PlacedFile => ({
  name: 'f',
  state: 'live',
  chunks: [{ size: 3, sha256, replicas: [{ server: 's1', slot: 1297, copyId }] }],
  ...change,
})

test('disks that hold what the records name have nothing wrong with them', () => {
  expect(compareDisks([record(), { name: 't', state: 'tombstone' }], [found()], servers)).toEqual([])
})

test('what is deleted, or leaves, may stay named on a file-server whose disk is gone', () => {
  const chunks = [{ size: 3, sha256, replicas: [on('s1'), on('s2')], leaving: [on('gone')] }]
  const records = [
    record({ ...replicated, chunks }),
    record({ state: 'deleted', chunks: [{ size: 3, sha256, replicas: [on('gone')] }] }),
  ]
  expect(compareDisks(records, [found(), found(path, 's2')], servers)).toEqual([])
})

test.each<[string, PlacedFile[], ReturnType<typeof found>[], RegExp]>([
  ['a copy that is gone', [record()], [], /^f: the record names s1:tree.* which is not there$/],
  ['a copy on another file-server', [record()], [found(path, 's2')], /which is not there$/],
  ['a copy without a record', [], [found()], /belongs to no live file$/],
  ['a copy of a collected upload', [record({ state: 'tombstone' })], [found()], /belongs to no live file$/],
  ['what is left of an upload', [], [found('tree/0/0/0/0/0/1-x.part')], /is left of an upload$/],
  ['a copy in the quarantine', [], [found(`quarantine/0/0/0/0/0/0-x`)], /stays in the quarantine$/],
  ['a deleted record that stays', [record({ state: 'deleted', chunks: [] })], [], /^f: deleted, its record stays$/],
  [
    'two replicas on one file-server',
    [record({ ...replicated, chunks: [{ size: 3, sha256, replicas: [on('s1'), on('s1')] }] })],
    [found()],
    /^f: the record has 2 replicas on 1 file-servers for chunk 0$/,
  ],
  ['a chunk with one replica', [record(replicated)], [found()], /^f: the record has 1 replicas on 1 file-servers/],
  [
    'a bad replica',
    [record({ ...replicated, chunks: [{ size: 3, sha256, replicas: [on('s1'), { ...on('s2'), bad: 'missing' }] }] })],
    [found(), found(path, 's2')],
    /^f: the record names a replica of chunk 0 that is missing$/,
  ],
  [
    'a copy that is still leaving',
    [record({ chunks: [{ size: 3, sha256, replicas: [on('s1')], leaving: [on('s2')] }] })],
    [found()],
    /^f: a copy that leaves is still named$/,
  ],
  [
    'a record that is still short',
    [record({ ...replicated, short: 1 })],
    [found()],
    /^f: the record is still short: 1$/,
  ],
  ['an upload that has not ended', [record({ state: 'open' })], [found()], /^f: an upload has not ended$/],
  ['a live record without a copy', [record({ chunks: [] })], [], /^f: the record names no copy$/],
])('finds %s', (_what, records, files, sentence) => {
  expect(compareDisks(records, files, servers)).toContainEqual(expect.stringMatching(sentence))
})
