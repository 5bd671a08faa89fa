import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CopyId } from '@holdfast/shared/ids'
import type { NamedCopy } from '@holdfast/shared/wire/shapes'
import { array, assert, asyncProperty, constantFrom, integer, nat, tuple } from 'fast-check'
import { expect, it } from 'vitest'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import { countOf } from '../../../test/full-run.ts'
import { openStore } from '../../src/store/open-store.ts'
import type { Store } from '../../src/store/store.ts'
import { digestOf, get, named } from './new-copies.ts'
import { inventoryDone, listAll, quietLog, walkDirectories } from './store-fixture.ts'

type Kind = 'put' | 'abort' | 'delete' | 'quarantine' | 'restore' | 'discard'
interface Known {
  readonly copy: NamedCopy
  readonly bytes: Buffer
}

/** Keeps what a store must hold in two plain maps. The steps of one batch run at the same time, on different copies. */
class Model {
  readonly tree = new Map<CopyId, Known>()
  readonly quarantine = new Map<CopyId, Known>()
  readonly busy = new Set<CopyId>()

  pick(from: 'tree' | 'quarantine', choice: number): Known | undefined {
    const idle = [...this[from].values()].filter(({ copy }) => !this.busy.has(copy.copyId))
    const picked = idle[choice % (idle.length || 1)]
    if (picked !== undefined) this.busy.add(picked.copy.copyId)
    return picked
  }
}

async function carryOut(store: Store, model: Model, kind: Kind, choice: number): Promise<void> {
  if (kind === 'put' || kind === 'abort') {
    const bytes = Buffer.alloc(choice, choice % 251)
    await using writer = await store.createCopy(newCopyId(), choice % 2 === 0 ? bytes.length : null)
    await writer.write(bytes)
    if (kind === 'abort') return
    const copy = named(await writer.commit(digestOf(bytes)))
    model.tree.set(copy.copyId, { copy, bytes })
    return
  }
  const from = kind === 'delete' || kind === 'quarantine' ? 'tree' : 'quarantine'
  const known = model.pick(from, choice)
  if (known === undefined) return
  const { copy } = known
  if (kind === 'delete') {
    expect(await store.deleteCopy(copy.copyId, copy.slot)).toBe(true)
    model.tree.delete(copy.copyId)
  } else if (kind === 'quarantine') {
    await store.quarantineCopy(copy)
    model.tree.delete(copy.copyId)
    model.quarantine.set(copy.copyId, known)
  } else if (kind === 'discard') {
    await store.discardCopy(copy)
    model.quarantine.delete(copy.copyId)
  } else {
    await store.restoreCopy(copy)
    model.quarantine.delete(copy.copyId)
    model.tree.set(copy.copyId, known)
  }
}

async function compare(store: Store, model: Model, root: string): Promise<void> {
  const listed = await listAll(store, 10)
  const ids = (copies: readonly NamedCopy[]): string[] => copies.map((copy) => `${copy.slot} ${copy.copyId}`).sort()
  expect(ids(listed.tree)).toEqual(ids([...model.tree.values()].map(({ copy }) => copy)))
  expect(ids(listed.quarantine)).toEqual(ids([...model.quarantine.values()].map(({ copy }) => copy)))
  for (const { copy, bytes } of model.tree.values()) expect((await get(store, copy)).equals(bytes)).toBe(true)
  await inventoryDone(store)
  const sizeBytes = [...model.tree.values()].reduce((sum, { bytes }) => sum + bytes.length, 0)
  expect(store.status()).toMatchObject({ copyCount: model.tree.size, sizeBytes })
  for (const { names } of await walkDirectories(join(root, 'tree'))) expect(names.length).toBeLessThanOrEqual(36)
  if (model.tree.size === 0) expect(await readdir(join(root, 'tree'))).toEqual([])
}

it('holds what two plain maps hold, after any mixture of commands at once and of restarts', {
  timeout: 60_000,
}, async () => {
  const kinds = constantFrom<Kind>(
    'put',
    'put',
    'put',
    'put',
    'abort',
    'delete',
    'delete',
    'quarantine',
    'restore',
    'discard',
  )
  const batch = array(tuple(kinds, nat(300)), { minLength: 1, maxLength: 60, size: 'max' })
  await assert(
    asyncProperty(
      array(tuple(batch, integer({ min: 0, max: 2 })), { minLength: 1, maxLength: 8, size: 'max' }),
      async (batches) => {
        const root = await mkdtemp(join(tmpdir(), 'holdfast-model-'))
        const open = () => openStore({ dataDirectory: root, minFreeBytes: 0, log: quietLog })
        let store = await open()
        try {
          const model = new Model()
          for (const [steps, reopen] of batches) {
            await Promise.all(steps.map(([kind, choice]) => carryOut(store, model, kind, choice)))
            model.busy.clear()
            if (reopen === 0) {
              await store.close()
              store = await open()
            } else if (reopen === 1) await compare(store, model, root)
          }
          await compare(store, model, root)
        } finally {
          await store.close()
          await rm(root, { recursive: true, force: true })
        }
      },
    ),
    { numRuns: countOf(25, 6), interruptAfterTimeLimit: 30_000, markInterruptAsFailure: false },
  )
})
