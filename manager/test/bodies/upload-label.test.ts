import { expect, test } from 'vitest'
import { lastSegmentOf } from '../../src/bodies/upload-label.ts'

test.each([
  ['a.txt', 'a.txt'],
  ['folder/sub/a.txt', 'a.txt'],
  ['/etc/passwd', 'passwd'],
  ['../../a', 'a'],
  ['C:\\fakepath\\a.txt', 'a.txt'],
  ['c:\\a/b\\c', 'c'],
  ['\\\\host\\share\\a', 'a'],
  ['we\\ird', 'we\\ird'],
  ['folder/we\\ird', 'we\\ird'],
  ['folder/', ''],
  ['', ''],
])('of %j only %j is kept', (path, label) => {
  expect(lastSegmentOf(path)).toBe(label)
})
