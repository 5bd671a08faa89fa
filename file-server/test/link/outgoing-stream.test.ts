import { randomBytes } from 'node:crypto'
import { truncate } from 'node:fs/promises'
import { FRAME_BYTES, INLINE_MAX_BYTES, MAX_UNACKED_BYTES } from '@holdfast/shared/limits'
import { fileServerCommands } from '@holdfast/shared/wire/commands'
import { FrameBudget } from '@holdfast/shared/wire/frame-budget'
import { Peer } from '@holdfast/shared/wire/peer'
import { expect, test, vi } from 'vitest'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import { OutgoingStreams } from '../../src/link/outgoing-stream.ts'
import { digestOf, named } from '../store/new-copies.ts'
import { quietLog } from '../store/store-fixture.ts'
import { useFileServer } from './link-fixture.ts'
import { copiesOpenIn, download, receive, spanOf, streamId, uploadLarge } from './stream-fixture.ts'

const { linked, files, path } = useFileServer()

const openCopies = () => copiesOpenIn(path('tree'))

test('few bytes come in the ack, more as frames in order, and both are the bytes that were asked for', async () => {
  const { on } = await linked()
  const bytes = randomBytes(3 * FRAME_BYTES + 100)
  const copy = await uploadLarge(on, bytes)
  const inline = await on.call('download-file', spanOf(copy, 10, INLINE_MAX_BYTES))
  expect(bytes.subarray(10, 10 + INLINE_MAX_BYTES).equals(inline.bytes as Buffer)).toBe(true)

  const { frames } = receive(on, true)
  expect(await on.call('open-download', download(copy, 50, 2 * FRAME_BYTES + 7))).toEqual({})
  await vi.waitFor(() => expect(frames.at(-1)?.isLast).toBe(true))
  expect(frames.map(({ seq, isLast }) => [seq, isLast])).toEqual([
    [0, false],
    [1, false],
    [2, true],
  ])
  expect(Buffer.concat(frames.map((frame) => frame.bytes)).equals(bytes.subarray(50, 57 + 2 * FRAME_BYTES))).toBe(true)
  await vi.waitFor(async () => expect(await openCopies()).toEqual([]))
})

test('a transfer sends the whole copy, an empty one as one empty frame', async () => {
  const { on } = await linked()
  const { frames } = receive(on, true)
  const bytes = randomBytes(FRAME_BYTES + 1)
  for (const content of [bytes, Buffer.alloc(0)]) {
    frames.length = 0
    const copy = await uploadLarge(on, content)
    expect(await on.call('transfer-file', { ...named(copy), streamId })).toMatchObject({ sizeBytes: content.length })
    await vi.waitFor(() => expect(frames.at(-1)?.isLast).toBe(true))
    expect(digestOf(Buffer.concat(frames.map((frame) => frame.bytes)))).toBe(copy.sha256)
  }
})

test('a manager that does not acknowledge is sent no more than the budget', async () => {
  const { on } = await linked()
  const copy = await uploadLarge(on, randomBytes(20 * FRAME_BYTES))
  const { frames } = receive(on, false)
  await on.call('open-download', download(copy, 0, 20 * FRAME_BYTES))
  await vi.waitFor(() => expect(frames).toHaveLength(1))
  let ackedCount = 0
  while (ackedCount < 20) {
    const waiting = frames.length - ackedCount
    expect(waiting * FRAME_BYTES).toBeLessThanOrEqual(MAX_UNACKED_BYTES)
    expect(waiting).toBeGreaterThan(0)
    frames[ackedCount++]?.ack()
    await on.call('list-copies', { cursor: { where: 'tree', slot: 0 }, limit: 1 })
    if (ackedCount < 20) await vi.waitFor(() => expect(frames.length).toBeGreaterThan(ackedCount))
  }
  expect(frames).toHaveLength(20)
})

test('an error ack ends the stream, says so, and lets the file go; the next stream has the whole budget', async () => {
  const { on } = await linked()
  const copy = await uploadLarge(on, randomBytes(20 * FRAME_BYTES))
  const { frames, errors } = receive(on, false)
  await on.call('open-download', download(copy, 0, 20 * FRAME_BYTES))
  await vi.waitFor(() => expect(frames).toHaveLength(1))
  frames[0]?.ack({ name: 'CANCELLED' })
  await vi.waitFor(() => expect(errors).toEqual([{ name: 'CANCELLED' }]))
  await vi.waitFor(async () => expect(await openCopies()).toEqual([]))
  expect(frames).toHaveLength(1)
  await on.call('open-download', download(copy, 0, 2 * FRAME_BYTES))
  await vi.waitFor(() => expect(frames).toHaveLength(2))
})

test('a disconnect in the middle of streams lets their files go', async () => {
  const { on, manager } = await linked()
  const copy = await uploadLarge(on, randomBytes(20 * FRAME_BYTES))
  const { frames } = receive(on, false)
  for (const id of ['1', '2', '3'])
    await on.call('open-download', { ...download(copy, 0, 20 * FRAME_BYTES), streamId: id.repeat(16) })
  await vi.waitFor(() => expect(frames.length).toBeGreaterThan(0))
  expect(await openCopies()).toHaveLength(3)
  on.socket.disconnect(true)
  const again = await manager.connection(2, manager.admitted)
  await vi.waitFor(async () => expect(await openCopies()).toEqual([]))
  const later = receive(again, true)
  await again.call('open-download', download(copy, 0, 5 * FRAME_BYTES))
  await vi.waitFor(() => expect(later.frames.at(-1)?.isLast).toBe(true))
  expect(later.frames).toHaveLength(5)
})

test('a span beyond the copy is an error, inline and as a stream', async () => {
  const { on } = await linked()
  const copy = await uploadLarge(on, randomBytes(2 * FRAME_BYTES))
  const { errors } = receive(on, true)
  expect(await on.refusal('download-file', spanOf(copy, 2 * FRAME_BYTES - 5, 6))).toMatchObject({
    name: 'COPY_NOT_FOUND',
  })
  await on.call('open-download', download(copy, 0, 3 * FRAME_BYTES))
  await vi.waitFor(() => expect(errors).toMatchObject([{ name: 'COPY_NOT_FOUND' }]))
})

test('a copy that is cut short under a stream ends it with an error', async () => {
  const { on } = await linked()
  const copy = await uploadLarge(on, randomBytes(10 * FRAME_BYTES))
  const { frames, errors } = receive(on, false)
  await on.call('open-download', download(copy, 0, 10 * FRAME_BYTES))
  await vi.waitFor(() => expect(frames).toHaveLength(1))
  await truncate((await files())[0] ?? '', 5)
  frames[0]?.ack()
  await vi.waitFor(() => {
    for (const frame of frames) frame.ack()
    expect(errors).toMatchObject([{ name: 'COPY_NOT_FOUND' }])
  })
})

test('another copy or digest in the slot is never answered with bytes', async () => {
  const { on } = await linked()
  const copy = await uploadLarge(on, randomBytes(100))
  const wrong = { ...spanOf(copy, 0, 100), copyId: newCopyId() }
  expect(await on.refusal('download-file', wrong)).toMatchObject({ name: 'COPY_MISMATCH' })
  const otherDigest = { ...spanOf(copy, 0, 100), sha256: digestOf(Buffer.from('x')) }
  expect(await on.refusal('download-file', otherDigest)).toMatchObject({ name: 'COPY_MISMATCH' })
  expect(await on.refusal('transfer-file', { ...named(copy), copyId: newCopyId(), streamId })).toMatchObject({
    name: 'COPY_MISMATCH',
  })
})

test('streams are bounded, and one that is refused lets its file go', async () => {
  // Nothing is ever acknowledged on this connection.
  const deaf = { connected: true, emit: () => undefined, on: () => undefined }
  const streams = new OutgoingStreams(new Peer(deaf, fileServerCommands), new FrameBudget(), quietLog)
  const close = vi.fn(async () => undefined)
  const reader = { sizeBytes: 1, read: async () => undefined, [Symbol.asyncDispose]: close }
  for (let count = 0; count < 2_048; count++) await streams.start(streamId, reader, { offset: 0, length: 1 })
  expect(close).not.toHaveBeenCalled()
  await expect(streams.start(streamId, reader, { offset: 0, length: 1 })).rejects.toMatchObject({
    name: 'OVERLOADED',
  })
  expect(close).toHaveBeenCalledTimes(1)
})
