import { createHash } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { CopyId, Digest, PartKey } from '@holdfast/shared/ids'
import { FRAME_BYTES, PART_BYTES } from '@holdfast/shared/limits'
import type { OpenUpload, StoredCopy, UploadFile } from '@holdfast/shared/wire/shapes'
import { afterEach, expect, test, vi } from 'vitest'
import { type CopySource, storeCopy } from '../../../src/chunks/writing/store-copy.ts'
import {
  type Ack,
  leftOf,
  newCopyId,
  nothing,
  type ScriptedFileServer,
  useSocketServer,
} from '../scripted-file-server.ts'

const { connect } = useSocketServer()
const digestOf = (bytes: Uint8Array): Digest => createHash('sha256').update(bytes).digest('hex') as Digest

afterEach(() => {
  vi.useRealTimers()
})

const orderOf = (fields: Partial<UploadFile> = {}): UploadFile => ({
  copyId: newCopyId(),
  encoding: 'binary',
  sizeBytes: null,
  sha256: null,
  requestId: 'test',
  ...fields,
})
const storedAs = (copyId: CopyId, bytes: Uint8Array): StoredCopy => ({
  copyId,
  slot: 7 as StoredCopy['slot'],
  sizeBytes: bytes.length,
  sha256: digestOf(bytes),
  partTags: Buffer.alloc(0),
})
const inline = (bytes: Uint8Array): CopySource => ({ kind: 'inline', bytes })
const stream = (...chunks: Uint8Array[]) => ({
  kind: 'stream' as const,
  chunks: (async function* () {
    yield* chunks
  })(),
  partKey: null,
})
const large = stream.bind(null, Buffer.alloc(FRAME_BYTES, 1), Buffer.alloc(FRAME_BYTES, 2), Buffer.alloc(10, 3))

/** Answers uploads as a file-server should, and remembers what was told to it. */
function serveUploads(peer: ScriptedFileServer): { deletes: CopyId[]; received: Map<CopyId, Buffer> } {
  const deletes: CopyId[] = []
  const received = new Map<CopyId, Buffer>()
  peer.answer('upload-file', ({ copyId }: { copyId: CopyId }, bytes: Buffer, ack: Ack) => {
    received.set(copyId, bytes)
    ack({ ok: true, copy: storedAs(copyId, bytes), workMs: 1 })
  })
  peer.answer('open-upload', ({ copyId }: { copyId: CopyId }, ack: Ack) => {
    received.set(copyId, Buffer.alloc(0))
    ack({ ok: true })
  })
  peer.answer('upload-frame', ({ copyId }: { copyId: CopyId }, bytes: Buffer, ack: Ack) => {
    received.set(copyId, Buffer.concat([received.get(copyId) ?? Buffer.alloc(0), bytes]))
    ack({ ok: true })
  })
  peer.answer('upload-end', ({ copyId }: { copyId: CopyId }, ack: Ack) => {
    ack({ ok: true, copy: storedAs(copyId, received.get(copyId) ?? Buffer.alloc(0)) })
  })
  peer.answer('delete-file', ({ copyId }: { copyId: CopyId }, ack: Ack) => {
    deletes.push(copyId)
    ack({ ok: true, existed: false })
  })
  return { deletes, received }
}

test('stores few bytes in one message and many as a stream', async () => {
  const { peer, link } = await connect()
  const { received, deletes } = serveUploads(peer)
  const few = Buffer.from('few bytes')
  expect(await storeCopy(link, orderOf({ sizeBytes: 9 }), inline(few))).toMatchObject({ slot: 7, sizeBytes: 9 })
  const order = orderOf()
  const stored = await storeCopy(link, order, large())
  expect(stored.sizeBytes).toBe(2 * FRAME_BYTES + 10)
  expect(digestOf(received.get(order.copyId) ?? Buffer.alloc(0))).toBe(stored.sha256)
  expect([deletes, leftOf(link)]).toEqual([[], nothing])
})

const refuse =
  (name: string) =>
  (...args: unknown[]): void =>
    (args.at(-1) as Ack)({ ok: false, error: { name } })
const garble =
  (...results: unknown[]) =>
  (...args: unknown[]): void =>
    (args.at(-1) as Ack)(...(results as [unknown]))

const wrongAcks: [string, string, unknown][] = [
  ['upload-file', 'nothing', undefined],
  ['upload-file', 'a text', 'ok'],
  ['upload-file', 'an ok without a copy', { ok: true }],
  ['upload-file', 'a copy without a slot', { ok: true, copy: { copyId: newCopyId() }, workMs: 1 }],
  ['upload-file', 'another copy', { ok: true, copy: storedAs(newCopyId(), Buffer.from('bytes')), workMs: 1 }],
  ['upload-end', 'nothing', undefined],
  ['upload-end', 'an ok without a copy', { ok: true }],
  ['upload-end', 'another copy', { ok: true, copy: storedAs(newCopyId(), Buffer.from('bytes')) }],
  [
    'upload-end',
    'a slot beyond the tree',
    { ok: true, copy: { ...storedAs(newCopyId(), Buffer.from('x')), slot: 36 ** 6 } },
  ],
]

test.each(wrongAcks)('where %s is acknowledged with %s the copy is given up and deleted', async (event, _, result) => {
  const { peer, link } = await connect()
  const { deletes } = serveUploads(peer)
  peer.answer(event, garble(result))
  const order = orderOf()
  await expect(
    storeCopy(link, order, event === 'upload-file' ? inline(Buffer.from('bytes')) : large()),
  ).rejects.toThrow(StoreError)
  await vi.waitFor(() => expect(deletes).toEqual([order.copyId]))
  await vi.waitFor(() => expect(leftOf(link)).toEqual(nothing))
})

test.each(['open-upload', 'upload-frame', 'upload-end'])(
  'where %s is refused the error is the file-server’s, and the copy is deleted',
  async (event) => {
    const { peer, link } = await connect()
    const { deletes } = serveUploads(peer)
    peer.answer(event, refuse('DISK_FULL'))
    const order = orderOf()
    await expect(storeCopy(link, order, large())).rejects.toMatchObject({ name: 'DISK_FULL' })
    await vi.waitFor(() => expect(deletes).toEqual([order.copyId]))
    await vi.waitFor(() => expect(leftOf(link)).toEqual(nothing))
  },
)

test.each<[string, CopySource, string]>([
  ['upload-file', inline(Buffer.from('bytes')), 'inline'],
  ['open-upload', large(), 'as a stream'],
  ['upload-frame', large(), 'as a stream'],
  ['upload-end', large(), 'as a stream'],
])('a file-server that goes away at %s (%s) ends the upload at once, with nothing left', async (event, source) => {
  const { peer, link } = await connect()
  serveUploads(peer)
  peer.answer(event, () => void peer.socket.disconnect())
  const startedAt = performance.now()
  await expect(storeCopy(link, orderOf(), source)).rejects.toMatchObject({ name: 'LINK_LOST' })
  expect(performance.now() - startedAt).toBeLessThan(8_000)
  expect(leftOf(link)).toEqual(nothing)
})

test.each(['open-upload', 'upload-frame', 'upload-end'])(
  'a client that hangs up while %s waits for its ack ends the upload, and the copy is deleted',
  async (event) => {
    const { peer, link } = await connect()
    const { deletes } = serveUploads(peer)
    const controller = new AbortController()
    peer.answer(event, () => controller.abort())
    const order = orderOf()
    await expect(storeCopy(link, order, large(), controller)).rejects.toMatchObject({ name: 'CANCELLED' })
    await vi.waitFor(() => expect(deletes).toEqual([order.copyId]))
    await vi.waitFor(() => expect(leftOf(link)).toEqual(nothing))
  },
)

test('a file-server that never acknowledges is given up at the deadline, and told to delete', async () => {
  const { peer, link } = await connect()
  const { deletes } = serveUploads(peer)
  peer.answer('upload-file', () => undefined)
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true })
  const order = orderOf()
  const outcome = storeCopy(link, order, inline(Buffer.from('bytes'))).catch((error: StoreError) => error.name)
  for (let passed = 0; passed < 31; passed++) {
    vi.advanceTimersByTime(1_000)
    await link.call('welcome', { managers: [] }, { deadlineMs: 60_000 }) // this leaves time for pings
  }
  expect(await outcome).toBe('DEADLINE_EXCEEDED')
  await vi.waitFor(() => expect(deletes).toEqual([order.copyId]))
  expect(leftOf(link)).toEqual(nothing)
})

test('a copy of another size than ordered is not taken for stored', async () => {
  const { peer, link } = await connect()
  const { deletes } = serveUploads(peer)
  const order = orderOf({ sizeBytes: 6 })
  await expect(storeCopy(link, order, inline(Buffer.from('bytes')))).rejects.toMatchObject({ name: 'DIGEST_MISMATCH' })
  await vi.waitFor(() => expect(deletes).toEqual([order.copyId]))
})

test.each([
  [2 * FRAME_BYTES + 10, 1, 16],
  [PART_BYTES + 1, 2, 32],
])('of a stream of %i bytes %i tags are wanted with a key, and none without', async (sizeBytes, _, tagBytes) => {
  const { peer, link } = await connect()
  const { deletes } = serveUploads(peer)
  const chunks = () => stream(Buffer.alloc(sizeBytes, 1))
  const keys: unknown[] = []
  const serve = (partTags: Buffer): void => {
    peer.answer('open-upload', ({ partKey }: OpenUpload, ack: Ack) => {
      keys.push(partKey)
      ack({ ok: true })
    })
    peer.answer('upload-end', ({ copyId }: { copyId: CopyId }, ack: Ack) =>
      ack({ ok: true, copy: { ...storedAs(copyId, Buffer.alloc(sizeBytes, 1)), partTags } }),
    )
  }
  const partKey = 'ab'.repeat(16) as PartKey
  for (const bytes of [0, tagBytes - 1, tagBytes + 16]) {
    serve(Buffer.alloc(bytes))
    const storing = storeCopy(link, orderOf(), { ...chunks(), partKey })
    await expect(storing).rejects.toMatchObject({ name: 'BAD_ANSWER' })
  }
  serve(Buffer.alloc(tagBytes, 7))
  await expect(storeCopy(link, orderOf(), chunks())).rejects.toMatchObject({ name: 'BAD_ANSWER' })
  await vi.waitFor(() => expect(deletes).toHaveLength(4))
  const { partTags } = await storeCopy(link, orderOf(), { ...chunks(), partKey })
  expect(Buffer.from(partTags)).toEqual(Buffer.alloc(tagBytes, 7))
  expect([keys.at(-2), keys.at(-1), deletes.length]).toEqual([null, partKey, 4])
})

test('a file-server may take the longer for the end of a copy the larger it is', async () => {
  const { peer, link } = await connect()
  serveUploads(peer)
  const call = vi.spyOn(link, 'call')
  await storeCopy(link, orderOf(), { kind: 'stream', chunks: stream(Buffer.alloc(8_192)).chunks, partKey: null })
  const ends = call.mock.calls.filter(([command]) => command === 'upload-end')
  expect(ends.map(([, , options]) => options?.deadlineMs)).toEqual([120_002])
})

test('a source that calls the copy off ends it before its end is sent', async () => {
  const { peer, link } = await connect()
  const { deletes } = serveUploads(peer)
  const ends: unknown[] = []
  peer.answer('upload-end', (end: unknown) => void ends.push(end))
  const chunks = (async function* () {
    yield Buffer.alloc(FRAME_BYTES)
    throw new StoreError('INVALID_REQUEST', 'the rest of the body is not right')
  })()
  const order = orderOf()
  await expect(storeCopy(link, order, { kind: 'stream', chunks, partKey: null })).rejects.toMatchObject({
    name: 'INVALID_REQUEST',
  })
  await vi.waitFor(() => expect(deletes).toEqual([order.copyId]))
  expect([ends, leftOf(link)]).toEqual([[], nothing])
})

test('on a link that is lost already nothing is sent and nothing waits', async () => {
  const { peer, link } = await connect()
  serveUploads(peer)
  peer.socket.disconnect()
  await vi.waitFor(() => expect(link.isConnected).toBe(false))
  for (const source of [inline(Buffer.from('bytes')), large()])
    await expect(storeCopy(link, orderOf(), source)).rejects.toMatchObject({ name: 'LINK_LOST' })
  expect(leftOf(link)).toEqual(nothing)
})

test('a hundred uploads at once share the link and all succeed', async () => {
  const { peer, link } = await connect()
  const { received } = serveUploads(peer)
  const sizes = Array.from({ length: 100 }, (_, index) => index * 1_000)
  const copies = await Promise.all(
    sizes.map((size, index) =>
      storeCopy(link, orderOf(), index % 3 === 0 ? stream(Buffer.alloc(size)) : inline(Buffer.alloc(size))),
    ),
  )
  expect(copies.map((copy) => copy.sizeBytes)).toEqual(sizes)
  expect([received.size, leftOf(link)]).toEqual([100, nothing])
})
