import { randomBytes } from 'node:crypto'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Slot } from '@holdfast/shared/ids'
import { expect, test } from 'vitest'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import type { DiskCalls } from '../../src/store/disk/disk-calls.ts'
import type { Store } from '../../src/store/store.ts'
import { copyPath, quarantinePath } from '../../src/store/tree/slot.ts'
import { get, named } from './new-copies.ts'
import { errno, realDisk, recordingDisk } from './recording-disk.ts'
import { inventoryDone, useDataDirectory } from './store-fixture.ts'

const data = useDataDirectory()
const failed = { name: 'DISK_FAILED' }
const span = { sizeBytes: 100, offset: 0, length: 100 }

async function expectTrusted(store: Store): Promise<void> {
  expect(store.status().isWritable).toBe(true)
  const bytes = randomBytes(100)
  expect(await get(store, await store.storeCopy(newCopyId(), bytes, null))).toEqual(bytes)
}

test('a copy that cannot be read keeps no other from being stored, nor the journal from being emptied', async () => {
  const { disk, calls } = recordingDisk(() => data.path())
  const store = await data.open({ disk })
  const copy = named(await store.storeCopy(newCopyId(), randomBytes(100), null))
  disk.readSpan = async () => {
    throw errno('EIO')
  }
  for (let time = 0; time < 2; time++) await expect(store.readCopy(copy, span)).rejects.toMatchObject(failed)
  disk.readSpan = realDisk.readSpan
  await expectTrusted(store)
  await store.close()
  calls.length = 0
  await data.open({ disk })
  // A segment that was not reset would be replayed, which writes its copies anew.
  expect(calls.filter((call) => call.startsWith('createFile'))).toEqual([])
})

test('a directory that cannot be read is an error of every read in it, and of no write elsewhere', async () => {
  const first = await data.open()
  const copy = named(await first.storeCopy(newCopyId(), randomBytes(100), null))
  await first.close()
  const disk: DiskCalls = { ...realDisk }
  disk.lookAt = async () => {
    throw errno('EACCES')
  }
  const store = await data.open({ disk })
  const reads = [
    () => store.openCopy(copy),
    () => store.locateCopy(copy),
    () => store.readCopy(copy, span),
    () => store.listCopies({ where: 'tree', slot: 0 as Slot }, 1),
  ]
  for (const read of reads) await expect(read()).rejects.toMatchObject(failed)
  disk.lookAt = realDisk.lookAt
  await expectTrusted(store)
})

test('a search by digest that meets such a directory says so, and the disk is trusted on', async () => {
  const store = await data.open()
  await inventoryDone(store)
  const copy = named(await store.storeCopy(newCopyId(), randomBytes(100), null))
  const directory = dirname(data.path('tree', copyPath(copy)))
  await rename(directory, data.path('away'))
  await writeFile(directory, '')
  await expect(store.findCopy(copy.sha256)).rejects.toMatchObject(failed)
  await rm(directory)
  await rename(data.path('away'), directory)
  await expectTrusted(store)
})

test('a copy in the quarantine that cannot be read is not restored, and the disk is trusted on', async () => {
  const store = await data.open()
  const copy = named(await store.storeCopy(newCopyId(), randomBytes(100), null))
  await store.quarantineCopy(copy)
  const path = data.path('quarantine', quarantinePath(0 as Slot, copy))
  await rm(path)
  await mkdir(path)
  await expect(store.restoreCopy(copy)).rejects.toMatchObject(failed)
  await expectTrusted(store)
})
