import type { FileHandle } from 'node:fs/promises'
import { readdir } from 'node:fs/promises'
import type { Slot } from '@holdfast/shared/ids'
import { describe, expect, it } from 'vitest'
import { newCopyId } from '../../../../shared/test/new-copy-id.ts'
import type { DiskCalls } from '../../../src/store/disk/disk-calls.ts'
import { digestOf, get, named, put } from '../new-copies.ts'
import { errno, realDisk, recordingDisk } from '../recording-disk.ts'
import { filesUnder, listAll, useDataDirectory } from '../store-fixture.ts'

const data = useDataDirectory()
const bytesOf = (text: string): Buffer => Buffer.from(text)

describe('the order of a write', () => {
  it('is: directories into their parents, the bytes, the name, the directory, and only then the answer', async () => {
    const { disk, calls } = recordingDisk(() => data.path())
    const store = await data.open({ disk })
    calls.length = 0
    await put(store, bytesOf('abc'))
    calls.push('answer')
    expect(calls.slice(0, 5).sort()).toEqual(
      ['/tree', '/tree/0', '/tree/0/0', '/tree/0/0/0', '/tree/0/0/0/0'].map((path) => `syncDirectory ${path}`),
    )
    const leaf = '/tree/0/0/0/0/0'
    const own = ['write', 'syncFile', `rename ${leaf}/0-copy.part ${leaf}/0-copy`, `syncDirectory ${leaf}`, 'answer']
    expect(calls.slice(5)).toEqual(own)
  })

  it('syncs the directories of an earlier run once before the first answer', async () => {
    const first = await data.open()
    await put(first, bytesOf('abc'))
    await first.close()
    const { disk, calls } = recordingDisk(() => data.path())
    const store = await data.open({ disk })
    calls.length = 0
    await put(store, bytesOf('abc'))
    expect(calls.filter((call) => call.startsWith('syncDirectory'))).toHaveLength(6)
    calls.length = 0
    await put(store, bytesOf('abc'))
    expect(calls.filter((call) => call.startsWith('syncDirectory'))).toEqual(['syncDirectory /tree/0/0/0/0/0'])
  })

  it('shares the fsync of a directory among many, and none is answered before one that began after its rename', async () => {
    const { disk, calls } = recordingDisk(() => data.path())
    const store = await data.open({ disk })
    await put(store, bytesOf('first'))
    calls.length = 0
    await Promise.all(
      Array.from({ length: 35 }, (_, index) => put(store, bytesOf(`${index}`)).then(() => calls.push('answer'))),
    )
    const syncs = calls.filter((call) => call.startsWith('syncDirectory'))
    expect(syncs.length).toBeLessThan(35)
    const lastRename = calls.findLastIndex((call) => call.startsWith('rename'))
    expect(calls.slice(lastRename)).toContain('syncDirectory /tree/0/0/0/0/0')
    expect(calls.at(-1)).toBe('answer')
  })

  it('moves to and from the quarantine with a sync of the new directory, then of the old one', async () => {
    const { disk, calls } = recordingDisk(() => data.path())
    const store = await data.open({ disk })
    const copy = named(await put(store, bytesOf('abc')))
    calls.length = 0
    await store.quarantineCopy(copy)
    const [tree, quarantine] = ['/tree/0/0/0/0/0', '/quarantine/0/0/0/0/0']
    expect(calls.slice(-3)).toEqual([
      `rename ${tree}/0-copy ${quarantine}/0-copy-000000`,
      `syncDirectory ${quarantine}`,
      `syncDirectory ${tree}`,
    ])
    await store.restoreCopy(copy)
    expect(calls.slice(-3)).toEqual([
      `rename ${quarantine}/0-copy-000000 ${tree}/0-copy`,
      `syncDirectory ${tree}`,
      `syncDirectory ${quarantine}`,
    ])
  })

  it('goes on after short writes', async () => {
    const write: DiskCalls['write'] = (file: FileHandle, bytes, offset, position) =>
      realDisk.write(file, bytes.subarray(0, Math.min(bytes.length, offset + 7)), offset, position)
    const store = await data.open({ disk: { ...realDisk, write } })
    const bytes = Buffer.from('a text that is longer than seven bytes')
    const copy = await put(store, bytes)
    expect(copy.sha256).toBe(digestOf(bytes))
    expect((await get(store, copy)).equals(bytes)).toBe(true)
  })
})

describe('a disk that fails', () => {
  it('at the fsync of a file: the copy is dropped, never tried again, and no more are taken', async () => {
    const { disk, calls, failures } = recordingDisk(() => data.path())
    const store = await data.open({ disk })
    const before = await put(store, bytesOf('before'))
    failures.set('syncFile', errno('EIO'))
    calls.length = 0
    await expect(put(store, bytesOf('abc'))).rejects.toMatchObject({ name: 'DISK_FAILED' })
    expect(calls).toEqual(['write', 'syncFile', 'unlink /tree/0/0/0/0/0/1-copy.part'])
    failures.clear()
    expect(await filesUnder(data.path('tree'))).toHaveLength(1)
    expect(store.status().isWritable).toBe(false)
    await expect(store.createCopy(newCopyId(), 1)).rejects.toMatchObject({ name: 'DISK_FAILED' })
    expect((await get(store, before)).toString()).toBe('before')
    expect(await store.deleteCopy(before.copyId, before.slot)).toBe(true)
  })

  it('at the fsync of a directory after the rename: no answer, the copy stays, its slot is not handed out', async () => {
    const { disk, failures } = recordingDisk(() => data.path())
    const store = await data.open({ disk })
    await put(store, bytesOf('before'))
    const running = await store.createCopy(newCopyId(), null)
    failures.set('syncDirectory', errno('EIO'))
    await expect(put(store, bytesOf('abc'))).rejects.toMatchObject({ name: 'DISK_FAILED' })
    failures.clear()
    expect(store.status()).toMatchObject({ isWritable: false, copyCount: 2 })
    expect((await listAll(store)).tree.map((copy) => copy.slot)).toEqual([0, 2])
    // The kernel reports such an error only once, so the next fsync of the same directory proves nothing.
    await running.write(bytesOf('later'))
    await expect(running.commit(null)).rejects.toMatchObject({ name: 'DISK_FAILED' })
    await store.close()
    const again = await data.open()
    expect((await listAll(again)).tree.map((copy) => copy.slot)).toEqual([0, 1, 2])
    expect((await put(again, bytesOf('next'))).slot).toBe(3)
  })

  it('only for want of a file descriptor at the fsync of a directory: no answer, and the next copy is taken', async () => {
    const { disk, failures } = recordingDisk(() => data.path())
    const store = await data.open({ disk })
    for (const { copyCount, text } of [
      { copyCount: 0, text: 'at making the directory' },
      { copyCount: 2, text: 'after the rename' },
    ]) {
      failures.set('syncDirectory', errno('EMFILE'))
      await expect(put(store, bytesOf(text))).rejects.toMatchObject({ name: 'OVERLOADED' })
      failures.clear()
      expect(store.status()).toMatchObject({ isWritable: true, copyCount })
      const copy = await put(store, bytesOf('next'))
      expect((await get(store, copy)).toString()).toBe('next')
    }
  })

  it('at making a new directory durable: nothing is stored in it', async () => {
    const { disk, failures } = recordingDisk(() => data.path())
    const store = await data.open({ disk })
    failures.set('syncDirectory', errno('EIO'))
    await expect(put(store, bytesOf('abc'))).rejects.toMatchObject({ name: 'DISK_FAILED' })
    expect(await filesUnder(data.path('tree'))).toEqual([])
  })

  it.each(['ENOSPC', 'EDQUOT', 'EFBIG'])('with %s is full: at write, fsync or rename alike', async (code) => {
    const { disk, failures } = recordingDisk(() => data.path())
    const store = await data.open({ disk })
    for (const call of ['write', 'syncFile', 'rename'] as const) {
      failures.set(call, errno(code))
      await expect(put(store, bytesOf('abc'))).rejects.toMatchObject({ name: 'DISK_FULL' })
      failures.clear()
      expect(await readdir(data.path('tree'))).toEqual([])
      expect(store.status().isWritable).toBe(true)
      const copy = await put(store, bytesOf('abc'))
      expect(copy.slot).toBe(0 as Slot)
      await store.deleteCopy(copy.copyId, copy.slot)
    }
  })

  it('with a write of nothing is full', async () => {
    const store = await data.open({ disk: { ...realDisk, write: async () => 0 } })
    await expect(put(store, bytesOf('abc'))).rejects.toMatchObject({ name: 'DISK_FULL' })
    expect(await readdir(data.path('tree'))).toEqual([])
  })

  it('at a rename in an unknown way leaves the slot alone until the next start', async () => {
    const rename: DiskCalls['rename'] = async (from, to) => {
      await realDisk.rename(from, to)
      if (to.includes('/tree/')) throw errno('EIO')
    }
    const store = await data.open({ disk: { ...realDisk, rename } })
    await expect(put(store, bytesOf('abc'))).rejects.toMatchObject({ name: 'DISK_FAILED' })
    await store.close()
    const again = await data.open()
    expect((await listAll(again)).tree).toHaveLength(1)
    expect((await put(again, bytesOf('next'))).slot).toBe(1)
  })
})
