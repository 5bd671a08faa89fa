import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import { digestOf, named } from '../store/new-copies.ts'
import { uploadInline, useFileServer } from './link-fixture.ts'

const { linked, files } = useFileServer()

test('a manager that may read the disk is told where the bytes of a copy lie', async () => {
  const { on } = await linked()
  const bytes = randomBytes(5_000)
  const copy = named(await uploadInline(on, bytes))
  await uploadInline(on, randomBytes(5_000))
  const { path } = await on.call('locate-file', copy)
  expect(await files()).toContain(path)
  expect((await readFile(String(path))).equals(bytes)).toBe(true)
  expect(on.hello).toMatchObject({ allowsLocalReads: true, zone: 'test zone' })
})

test('without local reads no manager is told where a copy lies, whether or not there is one', async () => {
  const { on } = await linked({}, { allowsLocalReads: false })
  const copy = named(await uploadInline(on, randomBytes(5_000)))
  for (const asked of [copy, { ...copy, copyId: newCopyId() }])
    expect(await on.refusal('locate-file', asked)).toEqual({ name: 'FORBIDDEN', detail: 'LOCAL_READS is off' })
  expect(await on.refusal('locate-file', {})).toMatchObject({ name: 'INVALID_REQUEST' })
  expect(on.hello.allowsLocalReads).toBe(false)
})

test('a copy that is not there is not located: the slot is empty, or holds another one', async () => {
  const { on } = await linked()
  const copy = named(await uploadInline(on, randomBytes(5_000)))
  const other = { ...copy, sha256: digestOf(Buffer.from('other bytes')) }
  expect(await on.refusal('locate-file', other)).toMatchObject({ name: 'COPY_MISMATCH' })
  expect(await on.refusal('locate-file', { ...copy, copyId: newCopyId() })).toMatchObject({ name: 'COPY_MISMATCH' })
  await on.call('delete-file', { copyId: copy.copyId, slot: copy.slot, requestId: 'test' })
  expect(await on.refusal('locate-file', copy)).toMatchObject({ name: 'COPY_NOT_FOUND' })
})

test.each<[string, object]>([
  ['a path', { path: '/etc/passwd' }],
  ['a slot outside of the tree', { slot: 36 ** 6 }],
  ['a copyId that leads elsewhere', { copyId: '../../../etc/passwd' }],
  ['a digest that leads elsewhere', { sha256: '../../../etc/passwd' }],
])('a manager that asks where %s lies is refused', async (_, fields) => {
  const { on } = await linked()
  const copy = named(await uploadInline(on, randomBytes(10)))
  expect(await on.refusal('locate-file', { ...copy, ...fields })).toMatchObject({ name: 'INVALID_REQUEST' })
})
