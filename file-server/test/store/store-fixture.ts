import { cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Slot } from '@holdfast/shared/ids'
import { createLogger } from '@holdfast/shared/node/logger'
import type { InventoryCursor, NamedCopy } from '@holdfast/shared/wire/shapes'
import { afterEach, beforeEach, vi } from 'vitest'
import { openStore, type StoreOptions } from '../../src/store/open-store.ts'
import type { Store } from '../../src/store/store.ts'

export const quietLog = createLogger('test', 'silent')

/** Gives each test a data directory. At the end every store opened in it is closed, and everything is removed. */
export function useDataDirectory(): {
  readonly path: (...names: string[]) => string
  /** Copies what a crash at this moment would leave into a directory of its own. @returns its path */
  readonly copyTo: (name: string) => Promise<string>
  readonly open: (options?: Partial<StoreOptions>) => Promise<Store>
} {
  let root = ''
  let stores: Store[] = []
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'holdfast-store-'))
    stores = []
  })
  afterEach(async () => {
    await Promise.all(stores.map((store) => store.close()))
    await rm(root, { recursive: true, force: true })
  })
  return {
    path: (...names) => join(root, 'data', ...names),
    copyTo: async (name) => {
      const target = join(root, name)
      await mkdir(target)
      for (const part of ['identity.json', 'journal', 'tree', 'quarantine'])
        await cp(join(root, 'data', part), join(target, part), { recursive: true })
      return target
    },
    open: async (options = {}) => {
      const store = await openStore({ dataDirectory: join(root, 'data'), minFreeBytes: 0, log: quietLog, ...options })
      stores.push(store)
      return store
    },
  }
}

export async function listAll(store: Store, limit = 1_000): Promise<{ tree: NamedCopy[]; quarantine: NamedCopy[] }> {
  const found: { tree: NamedCopy[]; quarantine: NamedCopy[] } = { tree: [], quarantine: [] }
  let cursor: InventoryCursor | null = { where: 'tree', slot: 0 as Slot }
  while (cursor !== null) {
    const page = await store.listCopies(cursor, limit)
    found[page.where].push(...page.copies)
    cursor = page.next
  }
  return found
}

export async function inventoryDone(store: Store): Promise<void> {
  await vi.waitFor(() => {
    if (!store.status().isInventoryDone) throw new Error('the inventory is not done')
  }, 20_000)
}

/** @returns every directory under one, with its entries. */
export async function walkDirectories(root: string): Promise<{ path: string; names: string[] }[]> {
  const entries = await readdir(root, { withFileTypes: true })
  const below = await Promise.all(
    entries.filter((entry) => entry.isDirectory()).map((entry) => walkDirectories(join(root, entry.name))),
  )
  return [{ path: root, names: entries.map((entry) => entry.name) }, ...below.flat()]
}

export async function filesUnder(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true, recursive: true })
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))
}
