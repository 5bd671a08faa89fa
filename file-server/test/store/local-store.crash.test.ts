import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { NamedCopy } from '@holdfast/shared/wire/shapes'
import { afterEach, expect, it } from 'vitest'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import { countOf } from '../../../test/full-run.ts'
import { digestOf, get, named, put } from './new-copies.ts'
import { filesUnder, inventoryDone, listAll, useDataDirectory, walkDirectories } from './store-fixture.ts'

const data = useDataDirectory()
const rootOf = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url))
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** Runs the writer until it has told of so many answers, then kills it in the middle of its work. */
async function writeAndKill(
  answers: number,
  told: Map<string, NamedCopy>,
  deleting: Map<string, NamedCopy>,
): Promise<void> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', rootOf('file-server/test/store/store-writer.ts'), data.path()],
    {
      cwd: rootOf('.'),
      env: { ...process.env, TSX_TSCONFIG_PATH: rootOf('tsconfig.check.json') },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  children.push(child)
  const gone = once(child, 'exit')
  let count = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const { kind, ...copy } = JSON.parse(line) as NamedCopy & { kind: 'stored' | 'deleting' }
    if (kind === 'deleting') deleting.set(copy.copyId, copy)
    else told.set(copy.copyId, copy)
    if (++count === answers) child.kill('SIGKILL')
  }
  expect((await gone)[1]).toBe('SIGKILL')
}

it('keeps every acknowledged copy through kill -9 in the middle of writing', { timeout: 60_000 }, async () => {
  const told = new Map<string, NamedCopy>()
  const deleting = new Map<string, NamedCopy>()
  let partCount = 0
  for (const answers of [3, 120, 61, 200, 17, 333].slice(0, countOf(6, 3))) {
    await writeAndKill(answers, told, deleting)
    partCount += (await filesUnder(data.path('tree'))).filter((path) => path.endsWith('.part')).length
  }
  expect(partCount).toBeGreaterThan(0)
  const store = await data.open()
  await inventoryDone(store)
  for (const copy of told.values()) {
    if (!deleting.has(copy.copyId)) expect(digestOf(await get(store, copy))).toBe(copy.sha256)
  }
  const { tree, quarantine } = await listAll(store)
  expect(quarantine).toEqual([])
  expect(new Set(tree.map((copy) => copy.slot)).size).toBe(tree.length)
  expect(store.status().fileCount).toBe(tree.length)
  // What was written but not acknowledged may be there, whole; what was cut off is not.
  for (const copy of tree) expect(digestOf(await get(store, copy))).toBe(copy.sha256)
  const files = await filesUnder(data.path('tree'))
  expect(files.filter((path) => path.endsWith('.part'))).toEqual([])
  expect(files).toHaveLength(tree.length)
  for (const { names } of await walkDirectories(data.path('tree'))) expect(names.length).toBeLessThanOrEqual(36)
  const next = named(await put(store, Buffer.from('goes on'), newCopyId()))
  expect((await get(store, next)).toString()).toBe('goes on')
})
