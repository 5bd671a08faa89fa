import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  listFileServerNumbers,
  planFileServerNumbers,
  takeNextNumber,
} from '@holdfast/launcher/data/file-server-directories'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-numbers-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

describe('the data directories of file-servers', () => {
  test('are the numbered ones, in the order of their numbers', async () => {
    for (const name of ['10', '9', '1', '01', '0', 'x', '1.old']) await mkdir(join(directory, name))
    await writeFile(join(directory, '3'), '')
    expect(await listFileServerNumbers(directory)).toEqual([1, 9, 10])
    expect(await listFileServerNumbers(join(directory, 'missing'))).toEqual([])
  })

  test.each([
    { existing: [], wanted: null, planned: [1, 2, 3] },
    { existing: [], wanted: 1, planned: [1] },
    { existing: [2], wanted: null, planned: [2] },
    { existing: [1, 2, 3, 4], wanted: 2, planned: [1, 2, 3, 4] },
    { existing: [2, 5], wanted: 4, planned: [1, 2, 3, 5] },
  ])('$existing with $wanted wanted become $planned', ({ existing, wanted, planned }) => {
    expect(planFileServerNumbers(existing, wanted)).toEqual(planned)
  })

  test('are taken by one each, however many ask at once', async () => {
    await mkdir(join(directory, '3'))
    const taken = await Promise.all(Array.from({ length: 20 }, () => takeNextNumber(directory)))
    expect(taken.sort((one, other) => one - other)).toEqual(Array.from({ length: 20 }, (_, index) => index + 4))
  })
})
