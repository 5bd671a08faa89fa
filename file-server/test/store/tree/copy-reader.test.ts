import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { isAbsolute, relative } from 'node:path'
import type { Slot } from '@holdfast/shared/ids'
import { beforeEach, expect, test } from 'vitest'
import { newCopyId } from '../../../../shared/test/new-copy-id.ts'
import { locateFile } from '../../../src/store/tree/copy-reader.ts'
import { digestOf, named } from '../new-copies.ts'
import { filesUnder, useDataDirectory } from '../store-fixture.ts'

const data = useDataDirectory()

/** Makes a store with one copy of random bytes. */
async function stored(sizeBytes: number) {
  const store = await data.open()
  const bytes = randomBytes(sizeBytes)
  return { store, bytes, copy: await store.storeCopy(newCopyId(), bytes, digestOf(bytes)) }
}

/** @returns what identifies the file at a path. */
async function identityOf(path: string) {
  const { dev, ino } = await stat(path, { bigint: true })
  return { device: String(dev), inode: String(ino) }
}

beforeEach(() => mkdir(data.path(), { recursive: true }))

test('a file is located by its path, device and inode, as the system has them', async () => {
  await writeFile(data.path('file'), 'some bytes')
  await writeFile(data.path('other'), 'some bytes')
  const found = await locateFile(data.path('file'))
  expect(found).toEqual({ path: data.path('file'), ...(await identityOf(data.path('file'))) })
  expect(found?.inode).not.toBe((await identityOf(data.path('other'))).inode)
})

test('a file of a relative path is located by an absolute one', async () => {
  await writeFile(data.path('file'), 'some bytes')
  const path = relative(process.cwd(), data.path('file'))
  expect(isAbsolute(path)).toBe(false)
  expect(await locateFile(path)).toEqual({ path: data.path('file'), ...(await identityOf(data.path('file'))) })
})

test('what is no regular file is not located', async () => {
  await writeFile(data.path('file'), 'some bytes')
  await symlink(data.path('file'), data.path('symlink'))
  await symlink(data.path('symlink-to-itself'), data.path('symlink-to-itself'))
  await mkdir(data.path('directory'))
  execFileSync('sh', ['-c', 'mkfifo "$0"', data.path('fifo')])
  for (const name of ['missing', 'missing/file', 'file/below', 'symlink', 'symlink-to-itself', 'directory', 'fifo'])
    expect(await locateFile(data.path(name)), name).toBeNull()
})

test.each([10, 3_000_000])('a copy of %d bytes is located where its bytes are', async (sizeBytes) => {
  const { store, bytes, copy } = await stored(sizeBytes)
  const { path, ...identity } = await store.locateCopy(named(copy))
  expect((await readFile(path)).equals(bytes)).toBe(true)
  expect(identity).toEqual(await identityOf(path))
  expect([path]).toEqual(await filesUnder(data.path('tree')))
  expect(path.endsWith(`-${copy.copyId}-${copy.sha256}`)).toBe(true)
})

test('a copy that is not there, or no longer, is not located', async () => {
  const { store, copy } = await stored(10)
  const right = named(copy)
  const refusals: [object, string][] = [
    [{ slot: 35 as Slot }, 'COPY_NOT_FOUND'],
    [{ copyId: newCopyId() }, 'COPY_MISMATCH'],
    [{ sha256: digestOf(Buffer.from('other bytes')) }, 'COPY_MISMATCH'],
  ]
  for (const [fields, name] of refusals)
    await expect(store.locateCopy({ ...right, ...fields })).rejects.toMatchObject({ name })
  await store.deleteCopy(copy.copyId, copy.slot)
  await expect(store.locateCopy(right)).rejects.toMatchObject({ name: 'COPY_NOT_FOUND' })
})

test('a copy whose name is another thing by now is not located', async () => {
  const { store, copy } = await stored(10)
  const { path } = await store.locateCopy(named(copy))
  await link(path, data.path('same-bytes'))
  await rm(path)
  await symlink(data.path('same-bytes'), path)
  await expect(store.locateCopy(named(copy))).rejects.toMatchObject({ name: expect.stringMatching(/^COPY_/) })
})

test('a copy that is still being written is not located', async () => {
  const { store, copy } = await stored(10)
  const copyId = newCopyId()
  await using writer = await store.createCopy(copyId, null)
  await writer.write(randomBytes(100_000))
  for (const slot of [0, 1, 2, 3] as Slot[]) {
    const located = store.locateCopy({ copyId, slot, sha256: copy.sha256 })
    await expect(located).rejects.toMatchObject({ name: expect.stringMatching(/^COPY_(NOT_FOUND|MISMATCH)$/) })
  }
})
