import { createHash } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import type { CopyId } from '@holdfast/shared/ids'
import { FRAME_BYTES, INLINE_MAX_BYTES } from '@holdfast/shared/limits'
import { afterEach, expect, test, vi } from 'vitest'
import { IncomingBytes } from '../../src/bodies/incoming-bytes.ts'
import { type FileSource, type PutDeps, putFile } from '../../src/files/put-file.ts'
import { type Ack, aHeartbeat } from '../chunks/scripted-file-server.ts'
import { newName, newRecord } from '../mongo/mongo-fixture.ts'
import { context, SILENCE_MS, useStores } from './stores.ts'

const { fileServers } = useStores()
const put = (deps: PutDeps, file: FileSource, by = context()) =>
  putFile(deps, file, { storageClass: 'single', addressedBy: 'path' }, by)

afterEach(() => {
  vi.restoreAllMocks()
})

function incoming(name: string, pieces: readonly Buffer[], fields: Partial<FileSource> = {}): FileSource {
  const passing = (async function* () {
    yield* pieces
  })()
  return {
    earlyName: null,
    bytes: new IncomingBytes('binary', passing),
    finish: async () => name as FileName,
    ...fields,
  }
}
const small = (name: string, fields: Partial<FileSource> = {}) => incoming(name, [Buffer.from('bytes')], fields)
const large = (name: string, fields: Partial<FileSource> = {}) =>
  incoming(name, [Buffer.alloc(INLINE_MAX_BYTES), Buffer.alloc(FRAME_BYTES), Buffer.alloc(10)], fields)

test.each([2, 3])('a small file goes to another of %i file-servers when the first one goes away', async (count) => {
  const { deps, first, registry, stores } = await fileServers(count)
  first.answer('upload-file', () => void first.socket.disconnect())
  const record = await put(deps, small(newName()))
  const [replica] = record.chunks[0]?.replicas ?? []
  expect(replica?.server).not.toBe(first.hello.serverId)
  expect(stores[1]?.copies.get(replica?.copyId as CopyId)?.toString()).toBe('bytes')
  expect(registry.views().map((view) => view.copyCount)).toEqual([2, 2].slice(0, count - 1))
})

test.each([
  ['is full', 'DISK_FULL'],
  ['shuts down', 'CANCELLED'],
])('a small file that a file-server refuses which %s goes to another one, under a new copyId', async (_how, error) => {
  const { deps, first, stores } = await fileServers(2)
  const asked: CopyId[] = []
  first.answer('upload-file', ({ copyId }: { copyId: CopyId }, _bytes: Buffer, ack: Ack) => {
    asked.push(copyId)
    ack({ ok: false, error: { name: error } })
  })
  const record = await put(deps, small(newName()))
  expect(asked).toHaveLength(1)
  expect(record.chunks[0]?.replicas[0]?.copyId).not.toBe(asked[0])
  await vi.waitFor(() => expect(stores[0]?.deleted).toEqual(asked))
})

test('the error of the last file-server is the answer where there is no other, and no record is written', async () => {
  const { deps, first } = await fileServers(1)
  first.answer('upload-file', (_command: unknown, _bytes: Buffer, ack: Ack) =>
    ack({ ok: false, error: { name: 'DISK_FULL' } }),
  )
  const name = newName()
  await expect(put(deps, small(name))).rejects.toMatchObject({ name: 'DISK_FULL' })
  expect(await deps.records.findLive(name as FileName)).toBeNull()
})

test('a small file whose client has hung up is not tried elsewhere', async () => {
  const { deps, first, stores } = await fileServers(2)
  const hangUp = new AbortController()
  first.answer('upload-file', (_command: unknown, _bytes: Buffer, ack: Ack) => {
    hangUp.abort()
    ack({ ok: false, error: { name: 'DISK_FULL' } })
  })
  const upload = put(deps, small(newName()), context(hangUp.signal))
  await expect(upload).rejects.toMatchObject({ name: 'DISK_FULL' })
  expect(stores[1]?.copies.size).toBe(0)
})

test('bytes that the file-server refuses for themselves are not tried elsewhere', async () => {
  const { deps, first, stores } = await fileServers(2)
  first.answer('upload-file', (_command: unknown, _bytes: Buffer, ack: Ack) =>
    ack({ ok: false, error: { name: 'INVALID_REQUEST', detail: 'not base64' } }),
  )
  await expect(put(deps, small(newName()))).rejects.toMatchObject({ name: 'INVALID_REQUEST' })
  expect(stores[1]?.copies.size).toBe(0)
})

test.each(['small', 'large'])('the bytes of a %s file whose name is taken are removed', async (size) => {
  const { deps, stores } = await fileServers(1)
  const name = newName()
  await deps.records.insert(newRecord(name))
  const file = size === 'small' ? small(name) : large(name)
  await expect(put(deps, file)).rejects.toMatchObject({ name: 'FILE_EXISTS' })
  await vi.waitFor(() => expect([stores[0]?.deleted.length, stores[0]?.copies.size]).toEqual([1, 0]))
})

test('a large file whose name came early and is taken sends nothing', async () => {
  const { deps, stores } = await fileServers(1)
  const name = newName()
  await deps.records.insert(newRecord(name))
  const file = large(name, { earlyName: name as FileName })
  await expect(put(deps, file)).rejects.toMatchObject({ name: 'FILE_EXISTS' })
  expect(stores[0]?.copies.size).toBe(0)
})

test('while it is not known whether the record was written its bytes stay', async () => {
  const { deps, stores } = await fileServers(1)
  vi.spyOn(deps.records, 'insert').mockRejectedValue(new StoreError('DATABASE_UNAVAILABLE'))
  await expect(put(deps, small(newName()))).rejects.toMatchObject({ name: 'DATABASE_UNAVAILABLE' })
  expect([stores[0]?.deleted, stores[0]?.copies.size]).toEqual([[], 1])
})

test('invariant 2: a large body that is not right at its end leaves no record and no bytes', async () => {
  const { deps, stores } = await fileServers(1)
  const name = newName()
  const finish = () => Promise.reject(new StoreError('INVALID_REQUEST', 'no filename'))
  await expect(put(deps, large(name, { finish }))).rejects.toMatchObject({ name: 'INVALID_REQUEST' })
  await vi.waitFor(() => expect([stores[0]?.deleted.length, stores[0]?.copies.size]).toEqual([1, 0]))
  expect(await deps.records.findLive(name as FileName)).toBeNull()
})

test('a file-server that stored fewer bytes than were sent is not believed', async () => {
  const { deps, first, stores } = await fileServers(1)
  first.answer('upload-frame', (_frame: unknown, _bytes: Buffer, ack: Ack) => ack({ ok: true }))
  await expect(put(deps, large(newName()))).rejects.toMatchObject({ name: 'BAD_ANSWER' })
  await vi.waitFor(() => expect(stores[0]?.deleted).toHaveLength(1))
})

test.each(['small', 'large'])('no place stays taken after a %s upload, successful or not', async (size) => {
  const { deps, first, registry } = await fileServers(1)
  const file = () => (size === 'small' ? small(newName()) : large(newName()))
  await put(deps, file())
  for (const command of ['upload-file', 'open-upload'])
    first.answer(command, (...args: unknown[]) => (args.at(-1) as Ack)({ ok: false, error: { name: 'DISK_FULL' } }))
  await put(deps, file()).catch(() => undefined)
  expect(registry.views()).toMatchObject([{ copyCount: 1, roomBytes: aHeartbeat.freeBytes }])
})

test.each(['small', 'large'])(
  'a file-server that is silent holds up no %s upload: its bytes go to another one',
  async (size) => {
    const { deps, first, registry } = await fileServers(2, { silenceMs: SILENCE_MS })
    const deleted: CopyId[] = []
    const late: (() => void)[] = []
    const sha256 = createHash('sha256').update('bytes').digest('hex')
    first.answer('upload-file', ({ copyId }: { copyId: CopyId }, _bytes: Buffer, ack: Ack) => {
      late.push(() => ack({ ok: true, copy: { copyId, slot: 9, sizeBytes: 5, sha256 }, workMs: 1 }))
    })
    first.answer('open-upload', (_command: unknown, ack: Ack) => late.push(() => ack({ ok: true })))
    first.answer('delete-file', ({ copyId }: { copyId: CopyId }, ack: Ack) => {
      deleted.push(copyId)
      ack({ ok: true, existed: true })
    })
    const startedAt = performance.now()
    const record = await put(deps, size === 'small' ? small(newName()) : large(newName()))
    expect(performance.now() - startedAt).toBeLessThan(10 * SILENCE_MS)
    expect(record.chunks[0]?.replicas[0]?.server).not.toBe(first.hello.serverId)
    // The next upload does not try it first, although it has the fewest copies.
    const next = await put(deps, small(newName()))
    expect(next.chunks[0]?.replicas[0]?.server).not.toBe(first.hello.serverId)
    for (const answer of late) answer()
    await vi.waitFor(() => expect(deleted).toHaveLength(1))
    expect(record.chunks[0]?.replicas[0]?.copyId).not.toBe(deleted[0])
    expect(
      registry
        .views()
        .map(({ copyCount }) => copyCount)
        .sort(),
    ).toEqual([0, 3])
  },
)

test('a file-server that is silent alone is waited for', async () => {
  const { deps, first, stores } = await fileServers(1, { silenceMs: SILENCE_MS })
  const [store] = stores
  first.answer('upload-file', ({ copyId }: { copyId: CopyId }, bytes: Buffer, ack: Ack) => {
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    setTimeout(
      () => ack({ ok: true, copy: { copyId, slot: 9, sizeBytes: bytes.length, sha256 }, workMs: 1 }),
      3 * SILENCE_MS,
    )
  })
  expect((await put(deps, small(newName()))).size).toBe(5)
  expect(store?.deleted).toEqual([])
})
