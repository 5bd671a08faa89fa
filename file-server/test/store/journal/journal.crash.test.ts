import type { NamedCopy } from '@holdfast/shared/wire/shapes'
import { expect, it } from 'vitest'
import { countOf } from '../../../../test/full-run.ts'
import { useWriter } from '../kill-writer.ts'
import { digestOf, get } from '../new-copies.ts'
import { inventoryDone, listAll, useDataDirectory, walkDirectories } from '../store-fixture.ts'

const data = useDataDirectory()
const writeAndKill = useWriter('journal-writer')

async function verify(told: {
  stored: Map<string, NamedCopy>
  deleting: Map<string, NamedCopy>
  deleted: Map<string, NamedCopy>
}): Promise<void> {
  const store = await data.open()
  const { tree, quarantine } = await listAll(store)
  expect(quarantine).toEqual([])
  expect(new Set(tree.map((copy) => copy.slot)).size).toBe(tree.length)
  for (const copy of told.stored.values())
    if (!told.deleting.has(copy.copyId)) expect(digestOf(await get(store, copy))).toBe(copy.sha256)
  expect(tree.filter((copy) => told.deleted.has(copy.copyId))).toEqual([])
  // It removes directories that are empty.
  await inventoryDone(store)
  for (const { names } of await walkDirectories(data.path('tree'))) expect(names.length).toBeLessThanOrEqual(36)
  await store.close()
}

it('keeps what was acknowledged and nothing that was deleted, through kill -9 in the middle of writing', {
  timeout: 120_000,
}, async () => {
  const told = { stored: new Map(), deleting: new Map(), deleted: new Map() }
  for (const answers of [3, 120, 700, 61, 1_500].slice(0, countOf(5, 3))) {
    await writeAndKill(data.path(), answers, told)
    await verify(told)
  }
})

/** The first ones are those of `npm test`: one of each step. */
const points = [
  'before-journal-sync:kill:7',
  'after-tree-write:kill:21',
  'before-segment-reset:kill:2',
  'after-unlink:kill:11',
  'before-rename:kill:4',
  'before-directory-sync:kill:4',
  'before-journal-write:kill:9',
  'after-journal-sync:kill:5',
  'before-tree-write:kill:20',
  'before-checkpoint:kill:2',
  'after-segment-reset:kill:2',
  'before-unlink:kill:11',
  'before-file-sync:kill:4',
  'after-directory-sync:kill:4',
]

it('keeps it through a death at each step of a write, a checkpoint, a delete and a large copy', {
  timeout: 120_000,
}, async () => {
  const told = { stored: new Map(), deleting: new Map(), deleted: new Map() }
  for (const point of points.slice(0, countOf(points.length, 6))) {
    await writeAndKill(data.path(), Number.POSITIVE_INFINITY, told, `file-server.${point}`)
    await verify(told)
  }
})
