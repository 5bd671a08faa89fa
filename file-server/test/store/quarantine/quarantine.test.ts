import { readdir, utimes, writeFile } from 'node:fs/promises'
import type { Slot } from '@holdfast/shared/ids'
import { describe, expect, it } from 'vitest'
import { newCopyId } from '../../../../shared/test/new-copy-id.ts'
import { copyPath } from '../../../src/store/tree/slot.ts'
import { digestOf, get, named, put } from '../new-copies.ts'
import { filesUnder, inventoryDone, listAll, useDataDirectory, walkDirectories } from '../store-fixture.ts'

const data = useDataDirectory()
const bytesOf = (text: string): Buffer => Buffer.from(text)

describe('the quarantine', () => {
  it('takes a copy out of its slot, keeps it over a restart, and puts it back where it was', async () => {
    const first = await data.open()
    const filler = await put(first, bytesOf('filler'))
    const copy = await put(first, bytesOf('wanted after all'))
    await first.quarantineCopy(named(copy))
    await expect(first.openCopy(copy)).rejects.toMatchObject({ name: 'COPY_NOT_FOUND' })
    expect(first.status()).toMatchObject({ copyCount: 1, sizeBytes: 6 })
    await first.close()

    const store = await data.open()
    expect(await listAll(store)).toEqual({ tree: [named(filler)], quarantine: [named(copy)] })
    await store.restoreCopy(named(copy))
    expect((await get(store, copy)).toString()).toBe('wanted after all')
    expect(await listAll(store)).toEqual({ tree: [named(filler), named(copy)], quarantine: [] })
    expect(await readdir(data.path('quarantine'))).toEqual([])
  })

  it('finds the work done when a command comes twice or at once', async () => {
    const store = await data.open()
    const copy = named(await put(store, bytesOf('abc')))
    const times = [1, 2, 3]
    await Promise.all(times.map(() => store.quarantineCopy(copy)))
    expect((await listAll(store)).quarantine).toEqual([copy])
    await Promise.all(times.map(() => store.restoreCopy(copy)))
    expect((await listAll(store)).tree).toEqual([copy])
    expect(store.status()).toMatchObject({ copyCount: 1, sizeBytes: 3 })
    await store.quarantineCopy(copy)
    await Promise.all(times.map(() => store.discardCopy(copy)))
    expect(await listAll(store)).toEqual({ tree: [], quarantine: [] })
    expect(store.status()).toMatchObject({ copyCount: 0, sizeBytes: 0 })
    expect(await filesUnder(data.path('quarantine'))).toEqual([])
  })

  it('gives back nothing whose digest is wrong, and keeps it', async () => {
    const store = await data.open()
    const copy = named(await put(store, bytesOf('abc')))
    await writeFile(data.path('tree', copyPath(copy)), 'abX')
    await store.quarantineCopy(copy)
    await expect(store.restoreCopy(copy)).rejects.toMatchObject({ name: 'DIGEST_MISMATCH' })
    expect(await listAll(store)).toEqual({ tree: [], quarantine: [copy] })
    await store.discardCopy(copy)
    expect((await put(store, bytesOf('x'))).slot).toBe(copy.slot)
  })

  it('keeps the slot for the copy, over a restart too, until the copy is back or discarded', async () => {
    const first = await data.open()
    const wanted = await put(first, bytesOf('wanted'))
    const unwanted = await put(first, bytesOf('unwanted'))
    for (const copy of [wanted, unwanted]) await first.quarantineCopy(named(copy))
    expect(await readdir(data.path('tree'))).toEqual([])
    expect((await put(first, bytesOf('other'))).slot).toBe(2)
    await first.close()

    const store = await data.open()
    expect((await put(store, bytesOf('another'))).slot).toBe(3)
    await store.restoreCopy(named(wanted))
    expect((await get(store, wanted)).toString()).toBe('wanted')
    await store.discardCopy(named(unwanted))
    expect((await put(store, bytesOf('reuses'))).slot).toBe(unwanted.slot)
  })

  it('does not put a copy into a slot that holds another one, nor frees that slot with it', async () => {
    const first = await data.open()
    const copy = await put(first, bytesOf('abc'))
    await first.close()
    // A power cut can leave two copies in one slot, from a delete and the upload after it.
    const older = { ...named(copy), copyId: newCopyId() }
    await writeFile(data.path('tree', copyPath(older)), 'abc')
    await utimes(data.path('tree', copyPath(older)), 1, 1)
    const store = await data.open()
    await inventoryDone(store)
    expect(await listAll(store)).toEqual({ tree: [named(copy)], quarantine: [older] })
    await expect(store.restoreCopy(older)).rejects.toMatchObject({ name: 'COPY_MISMATCH' })
    await store.discardCopy(older)
    expect((await get(store, copy)).toString()).toBe('abc')
    expect((await put(store, bytesOf('x'))).slot).not.toBe(copy.slot)
  })

  it('refuses what it does not know, or knows under another digest', async () => {
    const store = await data.open()
    const copy = named(await put(store, bytesOf('abc')))
    const unknown = { copyId: newCopyId(), slot: 9 as Slot, sha256: copy.sha256 }
    await expect(store.quarantineCopy(unknown)).rejects.toMatchObject({ name: 'COPY_NOT_FOUND' })
    await expect(store.restoreCopy(unknown)).rejects.toMatchObject({ name: 'COPY_NOT_FOUND' })
    const other = { ...copy, sha256: digestOf(bytesOf('other')) }
    await expect(store.quarantineCopy(other)).rejects.toMatchObject({ name: 'COPY_MISMATCH' })
    await store.quarantineCopy(copy)
    await expect(store.restoreCopy(other)).rejects.toMatchObject({ name: 'COPY_MISMATCH' })
    await expect(store.discardCopy(other)).rejects.toMatchObject({ name: 'COPY_MISMATCH' })
    await store.discardCopy(unknown)
    expect((await listAll(store)).quarantine).toEqual([copy])
  })

  it('is a tree of slots too, listed in pages', async () => {
    const store = await data.open()
    const copies = await Promise.all(Array.from({ length: 100 }, (_, index) => put(store, bytesOf(`${index}`))))
    await Promise.all(copies.map((copy) => store.quarantineCopy(named(copy))))
    for (const { names } of await walkDirectories(data.path('quarantine'))) expect(names.length).toBeLessThanOrEqual(36)
    for (const limit of [7, 100]) {
      const { tree, quarantine } = await listAll(store, limit)
      expect(tree).toEqual([])
      expect(new Set(quarantine.map((copy) => copy.copyId))).toEqual(new Set(copies.map((copy) => copy.copyId)))
    }
    expect(await readdir(data.path('tree'))).toEqual([])
  })
})
