import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import { digestOf } from './new-copies.ts'
import { inventoryDone, useDataDirectory } from './store-fixture.ts'

const data = useDataDirectory()
const large = randomBytes(100_000)
const small = randomBytes(100)

test('finds a copy by its digest from when it is stored until it is deleted or in the quarantine', async () => {
  const store = await data.open()
  await inventoryDone(store)
  for (const bytes of [small, large]) {
    expect(await store.findCopy(digestOf(bytes))).toBe(null)
    const { copyId, slot, sha256 } = await store.storeCopy(newCopyId(), bytes, null)
    expect(await store.findCopy(sha256)).toEqual({ copyId, slot, sha256 })
    const other = await store.storeCopy(newCopyId(), bytes, null)
    await store.deleteCopy(copyId, slot)
    expect(await store.findCopy(sha256)).toMatchObject({ copyId: other.copyId })
    await store.quarantineCopy({ copyId: other.copyId, slot: other.slot, sha256 })
    expect(await store.findCopy(sha256)).toBe(null)
    await store.restoreCopy({ copyId: other.copyId, slot: other.slot, sha256 })
    expect(await store.findCopy(sha256)).toMatchObject({ copyId: other.copyId })
  }
})

test('finds what an earlier run has stored, and says that it does not know before the inventory is done', async () => {
  const first = await data.open()
  const copies = []
  for (const bytes of [small, large]) copies.push(await first.storeCopy(newCopyId(), bytes, null))
  await first.close()
  const store = await data.open()
  await expect(store.findCopy(digestOf(small))).rejects.toMatchObject({ name: 'FILE_UNAVAILABLE' })
  await inventoryDone(store)
  for (const { copyId, sha256 } of copies) expect(await store.findCopy(sha256)).toMatchObject({ copyId })
  expect(await store.findCopy(digestOf(Buffer.from('other')))).toBe(null)
})
