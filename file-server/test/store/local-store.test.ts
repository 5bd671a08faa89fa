import { randomBytes } from 'node:crypto'
import { access, mkdir, readdir, readFile, rename, stat, symlink, unlink, utimes, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type PartKey, SLOT_COUNT, type Slot } from '@holdfast/shared/ids'
import { PART_TAG_BYTES } from '@holdfast/shared/node/part-digest'
import { describe, expect, it } from 'vitest'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import { countOf } from '../../../test/full-run.ts'
import { copyPath } from '../../src/store/tree/slot.ts'
import { digestOf, get, named, put } from './new-copies.ts'
import { filesUnder, inventoryDone, listAll, useDataDirectory, walkDirectories } from './store-fixture.ts'

const data = useDataDirectory()
const bytesOf = (text: string): Buffer => Buffer.from(text)
const pathOf = (copy: Parameters<typeof copyPath>[0]): string => data.path('tree', copyPath(copy))

describe('a copy', () => {
  it('reads back byte for byte, and is a plain file at the place its slot says', async () => {
    const store = await data.open()
    const bytes = randomBytes(5_000_000)
    await using writer = await store.createCopy(newCopyId(), null, 'a1'.repeat(16) as PartKey)
    for (let at = 0; at < bytes.length; at += 262_144) await writer.write(bytes.subarray(at, at + 262_144))
    const copy = await writer.commit(digestOf(bytes))
    expect(copy).toMatchObject({ slot: 0, sizeBytes: bytes.length, sha256: digestOf(bytes) })
    expect(copy.partTags).toHaveLength(2 * PART_TAG_BYTES)
    expect((await get(store, copy)).equals(bytes)).toBe(true)
    expect((await readFile(pathOf(copy))).equals(bytes)).toBe(true)
    expect((await stat(pathOf(copy))).mode & 0o777).toBe(0o600)
    expect((await stat(dirname(pathOf(copy)))).mode & 0o777).toBe(0o700)
  })

  it('may be empty', async () => {
    const store = await data.open()
    const copy = await put(store, Buffer.alloc(0))
    expect(copy).toMatchObject({ sizeBytes: 0, sha256: digestOf(Buffer.alloc(0)) })
    expect(await get(store, copy)).toHaveLength(0)
  })

  it('is read in spans, and not past its end', async () => {
    const store = await data.open()
    const copy = await put(store, bytesOf('0123456789'))
    await using reader = await store.openCopy(copy)
    const bytes = Buffer.alloc(4)
    await reader.read(3, bytes)
    expect(bytes.toString()).toBe('3456')
    await expect(reader.read(8, Buffer.alloc(3))).rejects.toMatchObject({ name: 'COPY_NOT_FOUND' })
  })

  it('whose digest is another than expected is not stored', async () => {
    const store = await data.open()
    const writer = await store.createCopy(newCopyId(), 3)
    await writer.write(bytesOf('abc'))
    await expect(writer.commit(digestOf(bytesOf('abd')))).rejects.toMatchObject({ name: 'DIGEST_MISMATCH' })
    expect(await filesUnder(data.path('tree'))).toEqual([])
    expect((await put(store, bytesOf('x'))).slot).toBe(0)
  })

  it('given up leaves no file and no directory, and its slot is used next', async () => {
    const store = await data.open()
    {
      await using writer = await store.createCopy(newCopyId(), null)
      await writer.write(bytesOf('half'))
      expect(await filesUnder(data.path('tree'))).toHaveLength(1)
    }
    expect(await readdir(data.path('tree'))).toEqual([])
    expect((await put(store, bytesOf('x'))).slot).toBe(0)
  })

  it('that is being written already cannot be written by another', async () => {
    const store = await data.open()
    const copyId = newCopyId()
    await using writer = await store.createCopy(copyId, null)
    await expect(store.createCopy(copyId, null)).rejects.toMatchObject({ name: 'INTERNAL' })
    await writer.write(bytesOf('mine'))
    expect((await get(store, await writer.commit(null))).toString()).toBe('mine')
  })

  it('is not listed, not counted and not found while it is written', async () => {
    const store = await data.open()
    const copyId = newCopyId()
    await using writer = await store.createCopy(copyId, null)
    await writer.write(bytesOf('half'))
    expect((await listAll(store)).tree).toEqual([])
    expect(store.status().copyCount).toBe(0)
    expect(await store.deleteCopy(copyId, 0 as Slot)).toBe(false)
    const copy = { copyId, slot: 0 as Slot, sha256: digestOf(bytesOf('half')) }
    await expect(store.openCopy(copy)).rejects.toMatchObject({ name: 'COPY_NOT_FOUND' })
  })
})

describe('a slot', () => {
  it('asked for with another copyId or digest than it holds is an error', async () => {
    const store = await data.open()
    const copy = await put(store, bytesOf('abc'))
    const mismatch = { name: 'COPY_MISMATCH' }
    await expect(store.openCopy({ ...named(copy), copyId: newCopyId() })).rejects.toMatchObject(mismatch)
    await expect(store.openCopy({ ...named(copy), sha256: digestOf(bytesOf('')) })).rejects.toMatchObject(mismatch)
    await expect(store.openCopy({ ...named(copy), slot: 1 as Slot })).rejects.toMatchObject({ name: 'COPY_NOT_FOUND' })
    const last = (SLOT_COUNT - 1) as Slot
    await expect(store.openCopy({ ...named(copy), slot: last })).rejects.toMatchObject({ name: 'COPY_NOT_FOUND' })
    expect(await store.deleteCopy(newCopyId(), copy.slot)).toBe(false)
    expect((await get(store, copy)).toString()).toBe('abc')
  })

  it('is the lowest that is free, across deletes', async () => {
    const store = await data.open()
    const copies = await Promise.all(Array.from({ length: 80 }, (_, index) => put(store, bytesOf(`${index}`))))
    const bySlot = copies.sort((a, b) => a.slot - b.slot)
    expect(bySlot.map((copy) => copy.slot)).toEqual(bySlot.map((_, index) => index))
    for (const slot of [40, 7, 63])
      expect(await store.deleteCopy(bySlot[slot]?.copyId ?? newCopyId(), slot as Slot)).toBe(true)
    const reused = []
    for (let count = 0; count < 4; count++) reused.push((await put(store, bytesOf('new'))).slot)
    expect(reused).toEqual([7, 40, 63, 80])
  })

  it('deleted by several at once is deleted by one of them', async () => {
    const store = await data.open()
    const copy = await put(store, bytesOf('abc'))
    const answers = await Promise.all(Array.from({ length: 10 }, () => store.deleteCopy(copy.copyId, copy.slot)))
    expect(answers.filter((existed) => existed)).toHaveLength(1)
    expect(store.status()).toMatchObject({ copyCount: 0, sizeBytes: 0 })
    expect(await readdir(data.path('tree'))).toEqual([])
  })

  it('never follows a symlink, as an entry or on the way to one', async () => {
    const store = await data.open()
    const copy = await put(store, bytesOf('abc'))
    await rename(pathOf(copy), data.path('outside'))
    await symlink(data.path('outside'), pathOf(copy))
    await expect(store.openCopy(copy)).rejects.toMatchObject({ name: 'COPY_MISMATCH' })
    await mkdir(data.path('elsewhere'))
    await symlink(data.path('elsewhere'), data.path('tree', '1'))
    const under = { ...named(copy), slot: (36 ** 5) as Slot }
    await expect(store.openCopy(under)).rejects.toMatchObject({ name: 'COPY_NOT_FOUND' })
    await expect(store.restoreCopy(under)).rejects.toMatchObject({ name: 'COPY_NOT_FOUND' })
  })
})

describe('after a restart', () => {
  it('copies are there, the next slot goes on from the highest, and the inventory finds the free ones', async () => {
    const first = await data.open()
    const copies = []
    for (let count = 0; count < 200; count++) copies.push(await put(first, bytesOf(`${count}`)))
    for (const copy of copies.slice(0, 100)) await first.deleteCopy(copy.copyId, copy.slot)
    await first.close()

    const second = await data.open()
    expect((await put(second, bytesOf('early'))).slot).toBeLessThanOrEqual(200)
    await inventoryDone(second)
    expect(second.status()).toMatchObject({ copyCount: 101, sizeBytes: 305 })
    for (const copy of copies.slice(100)) expect((await get(second, copy)).length).toBe(3)
    const slots = []
    for (let count = 0; count < 99; count++) slots.push((await put(second, bytesOf('new'))).slot)
    expect(Math.max(...slots)).toBeLessThan(200)
    expect(new Set(slots).size).toBe(99)
  })

  it('a leaf is cleaned before its first use: .part files go, a second copy goes to quarantine, foreign names stay', async () => {
    const first = await data.open()
    const old = await put(first, bytesOf('old'))
    const kept = await put(first, bytesOf('kept'))
    await first.close()
    const leaf = dirname(pathOf(old))
    const second = { ...named(kept), slot: old.slot, sha256: digestOf(bytesOf('kept')) }
    await rename(pathOf(kept), pathOf(second))
    await utimes(pathOf(old), 1_000, 1_000)
    await writeFile(`${leaf}/4-${newCopyId()}.part`, 'half')
    await writeFile(`${leaf}/2-notes.txt`, 'foreign')

    const store = await data.open()
    const slots = []
    for (let count = 0; count < 34; count++) slots.push((await put(store, bytesOf('x'))).slot)
    expect(slots).toEqual(Array.from({ length: 36 }, (_, slot) => slot).filter((slot) => slot !== 0 && slot !== 2))
    expect((await put(store, bytesOf('x'))).slot).toBe(36)
    expect((await get(store, second)).toString()).toBe('kept')
    expect((await listAll(store)).quarantine).toEqual([named(old)])
    expect(await readFile(`${leaf}/2-notes.txt`, 'utf8')).toBe('foreign')
    expect((await readdir(leaf)).length).toBe(36)
  })

  it('empty branches of a crash neither confuse the high-water mark nor stay', async () => {
    const first = await data.open()
    const copy = await put(first, bytesOf('abc'))
    await first.close()
    await mkdir(data.path('tree', 'z/y/x'), { recursive: true })
    await mkdir(data.path('tree', '0/0/5/0/0'), { recursive: true })
    const store = await data.open()
    await inventoryDone(store)
    expect((await walkDirectories(data.path('tree'))).map(({ path }) => path.slice(data.path('tree').length))).toEqual([
      '',
      '/0',
      '/0/0',
      '/0/0/0',
      '/0/0/0/0',
      '/0/0/0/0/0',
    ])
    expect((await put(store, bytesOf('next'))).slot).toBe(1)
    expect((await get(store, copy)).toString()).toBe('abc')
  })

  it('foreign names between the directories cost as many children', async () => {
    await (await data.open()).close()
    await mkdir(data.path('tree', '0/0/0/0'), { recursive: true })
    await writeFile(data.path('tree', '0/0/0/0/0'), 'a file where a directory would be')
    await writeFile(data.path('tree', '0/0/0/0/1.txt'), 'foreign')
    const store = await data.open()
    expect((await put(store, bytesOf('abc'))).slot).toBe(72)
  })

  it('lists everything in slot order and in pages, also before the inventory is done', async () => {
    const first = await data.open()
    const copies = []
    for (let count = 0; count < 100; count++) copies.push(named(await put(first, bytesOf(`${count}`))))
    await first.close()
    const store = await data.open()
    for (const limit of [1, 7, 36, 100, 1_000]) expect((await listAll(store, limit)).tree).toEqual(copies)
  })
})

/** Three levels of directories are in use from 1,297 copies on. */
const COPY_COUNT = countOf(10_000, 2_000)

it(`invariant 6: no directory has more than 36 entries after ${COPY_COUNT} copies, half of them deleted and replaced`, {
  timeout: 60_000,
}, async () => {
  const store = await data.open()
  const stored = new Map<number, Awaited<ReturnType<typeof put>>>()
  const storeOne = async (index: number): Promise<void> => {
    const copy = await put(store, bytesOf(`copy ${index}`))
    expect(stored.has(copy.slot)).toBe(false)
    stored.set(copy.slot, copy)
  }
  const inParallel = (work: (index: number) => Promise<void>, count: number) =>
    Promise.all(
      Array.from({ length: 64 }, async (_, first) => {
        for (let index = first; index < count; index += 64) await work(index)
      }),
    )
  await inParallel(storeOne, COPY_COUNT)
  const doomed = [...stored.values()].filter((_, index) => index % 2 === 0)
  await inParallel(async (index) => {
    const copy = doomed[index]
    if (copy === undefined) return
    stored.delete(copy.slot)
    expect(await store.deleteCopy(copy.copyId, copy.slot)).toBe(true)
    await storeOne(index)
  }, doomed.length)
  expect(Math.max(...stored.keys())).toBe(COPY_COUNT - 1)
  for (const root of ['tree', 'quarantine'])
    for (const { names } of await walkDirectories(data.path(root))) expect(names.length).toBeLessThanOrEqual(36)
  expect(await filesUnder(data.path('tree'))).toHaveLength(COPY_COUNT)
  expect(store.status().copyCount).toBe(COPY_COUNT)
  const sample = [...stored.values()].filter((_, index) => index % 97 === 0)
  for (const copy of sample) expect(digestOf(await get(store, copy))).toBe(copy.sha256)
})

it('removes every directory with the last copy, while others are being stored', async () => {
  const store = await data.open()
  for (let round = 0; round < 40; round++) {
    await Promise.all(
      Array.from({ length: 12 }, async () => {
        const copy = await put(store, randomBytes(10))
        expect(await store.deleteCopy(copy.copyId, copy.slot)).toBe(true)
      }),
    )
  }
  expect(await readdir(data.path('tree'))).toEqual([])
  expect(store.status()).toMatchObject({ copyCount: 0, sizeBytes: 0 })
})

it('refuses work after close, having given up what was being written', async () => {
  const store = await data.open()
  const writer = await store.createCopy(newCopyId(), null)
  await writer.write(bytesOf('half'))
  await store.close()
  expect(await filesUnder(data.path('tree'))).toEqual([])
  await expect(access(data.path('lock'))).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(writer.commit(null)).rejects.toMatchObject({ name: 'INTERNAL' })
  await expect(store.createCopy(newCopyId(), null)).rejects.toMatchObject({ name: 'CANCELLED' })
})

it('says that a copy is not there when its file vanished', async () => {
  const store = await data.open()
  const copy = await put(store, bytesOf('abc'))
  await unlink(pathOf(copy))
  await expect(store.openCopy(copy)).rejects.toMatchObject({ name: 'COPY_NOT_FOUND' })
  expect(await store.deleteCopy(copy.copyId, copy.slot)).toBe(false)
})
