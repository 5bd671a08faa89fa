import { chunkNumberOf, type FileId, fileIdOf, isCopyId } from '@holdfast/shared/ids'
import { expect, test } from 'vitest'
import { CopyIds } from '../../../src/chunks/writing/copy-ids.ts'

test('ids name their file and chunk, and none comes twice, however many draws they take', () => {
  const copyIds = new CopyIds()
  const fileId = '0123456789abcdef01234567' as FileId
  const made = Array.from({ length: 5_000 }, (_, number) => copyIds.next(fileId, number))
  expect(made.every(isCopyId)).toBe(true)
  expect(made.map(chunkNumberOf)).toEqual(made.map((_, number) => number))
  expect(new Set(made.map(fileIdOf))).toEqual(new Set([fileId]))
  expect(new Set(made.map((copyId) => copyId.slice(29))).size).toBe(made.length)
})
