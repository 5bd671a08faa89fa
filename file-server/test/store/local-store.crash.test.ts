import type { NamedCopy } from '@holdfast/shared/wire/shapes'
import { expect, it } from 'vitest'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import { countOf } from '../../../test/full-run.ts'
import { useWriter } from './kill-writer.ts'
import { digestOf, get, named, put } from './new-copies.ts'
import { filesUnder, inventoryDone, listAll, useDataDirectory, walkDirectories } from './store-fixture.ts'

const data = useDataDirectory()
const writeAndKill = useWriter('store-writer')

it('keeps every acknowledged copy through kill -9 in the middle of writing', { timeout: 60_000 }, async () => {
  const stored = new Map<string, NamedCopy>()
  const deleting = new Map<string, NamedCopy>()
  let partCount = 0
  for (const answers of [3, 120, 61, 200, 17, 333].slice(0, countOf(6, 3))) {
    await writeAndKill(data.path(), answers, { stored, deleting })
    partCount += (await filesUnder(data.path('tree'))).filter((path) => path.endsWith('.part')).length
  }
  expect(partCount).toBeGreaterThan(0)
  const store = await data.open()
  await inventoryDone(store)
  for (const copy of stored.values()) {
    if (!deleting.has(copy.copyId)) expect(digestOf(await get(store, copy))).toBe(copy.sha256)
  }
  const { tree, quarantine } = await listAll(store)
  expect(quarantine).toEqual([])
  expect(new Set(tree.map((copy) => copy.slot)).size).toBe(tree.length)
  expect(store.status().copyCount).toBe(tree.length)
  // A copy that was written but not acknowledged may be there, whole; one that was cut off may not.
  for (const copy of tree) expect(digestOf(await get(store, copy))).toBe(copy.sha256)
  const files = await filesUnder(data.path('tree'))
  expect(files.filter((path) => path.endsWith('.part'))).toEqual([])
  expect(files).toHaveLength(tree.length)
  for (const { names } of await walkDirectories(data.path('tree'))) expect(names.length).toBeLessThanOrEqual(36)
  const next = named(await put(store, Buffer.from('goes on'), newCopyId()))
  expect((await get(store, next)).toString()).toBe('goes on')
})
