import { expect, test } from 'vitest'
import { planFiles } from '../../src/pulls/plan-files.ts'

const limits = { maxFileBytes: 100, maxTorrentBytes: 150 }
const file = (path: readonly string[], length = 10, isPadding = false) => ({ path, length, isPadding })
const plan = (files: ReturnType<typeof file>[], folder = '') =>
  planFiles({ name: 't', files, length: files.reduce((sum, { length }) => sum + length, 0) }, folder, limits)

test('files are named below the folder and the torrent, and padding is no file', () => {
  expect(plan([file([])])).toEqual([{ number: 0, name: 't', length: 10 }])
  const files = [file(['a', 'b']), file(['.pad', '10'], 10, true), file(['e\u0301'], 0)]
  expect(plan(files, 'x/y')).toEqual([
    { number: 0, name: 'x/y/t/a/b', length: 10 },
    { number: 2, name: 'x/y/t/\u00e9', length: 0 },
  ])
})

test.each([
  ['a file that is too large', [file(['a'], 101)], '', 'TOO_LARGE', '"t/a" has 101 bytes'],
  ['all together', [file(['a'], 90), file(['b'], 90)], '', 'TOO_LARGE', '180 bytes'],
  ['a name that is too long', [file(['a'.repeat(250)])], 'folder', 'INVALID_REQUEST', 'at most 255 bytes'],
  ['two names that are one', [file(['\u00e9']), file(['e\u0301'])], '', 'INVALID_REQUEST', 'two files'],
])('%s is refused', (_, files, folder, name, detail) => {
  expect(() => plan(files, folder)).toThrow(expect.objectContaining({ name, detail: expect.stringContaining(detail) }))
})
