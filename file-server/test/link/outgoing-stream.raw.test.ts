import { randomBytes } from 'node:crypto'
import { FRAME_BYTES } from '@holdfast/shared/limits'
import type { DataPortAck } from '@holdfast/shared/wire/events'
import { afterEach, expect, test, vi } from 'vitest'
import { DataCaller, useFileServer } from './link-fixture.ts'
import type { Dialled } from './scripted-manager.ts'
import { copiesOpenIn, download, receive, streamId, uploadLarge } from './stream-fixture.ts'

const { linked, path } = useFileServer()
const callers: DataCaller[] = []
afterEach(() => {
  for (const caller of callers.splice(0)) caller.socket.destroy()
})

const grantOf = async (on: Dialled) => (await on.call('open-data-port', {})) as unknown as DataPortAck

/** A data connection, dialled as a manager does. */
async function dialData(on: Dialled): Promise<DataCaller> {
  const caller = await DataCaller.meet(await grantOf(on))
  callers.push(caller)
  return caller
}

const openCopies = () => copiesOpenIn(path('tree'))

test('raw bytes come by the data connection as frames of their stream, and no others', async () => {
  const { on } = await linked()
  const { frames: messages, errors } = receive(on, true)
  const bytes = randomBytes(3 * FRAME_BYTES)
  const copy = await uploadLarge(on, bytes)
  const data = await dialData(on)
  const span = { ...download(copy, 50, 2 * FRAME_BYTES + 7), isRaw: true }
  expect(await on.call('open-download', span)).toEqual({})
  const frames = await data.frames(3)
  expect(frames.map((frame) => [frame.streamId, frame.length, frame.isLast])).toEqual([
    [streamId, FRAME_BYTES, false],
    [streamId, FRAME_BYTES, false],
    [streamId, 7, true],
  ])
  expect(Buffer.concat(frames.map((frame) => frame.bytes)).equals(bytes.subarray(50, 57 + 2 * FRAME_BYTES))).toBe(true)
  await vi.waitFor(async () => expect(await openCopies()).toEqual([]))

  // An empty span is one frame; what is not raw comes as messages still.
  await on.call('open-download', { ...download(copy, 0, 0), isRaw: true })
  expect((await data.frames(4)).at(-1)).toMatchObject({ streamId, length: 0, isLast: true })
  expect([messages, errors]).toEqual([[], []])
  await on.call('open-download', download(copy, 0, 2 * FRAME_BYTES))
  await vi.waitFor(() => expect(messages).toHaveLength(2))
  await data.frames(4)
})

test('many streams share the data connection, and each has its own bytes in order', async () => {
  const { on } = await linked()
  const bytes = randomBytes(9 * FRAME_BYTES)
  const copy = await uploadLarge(on, bytes)
  const data = await dialData(on)
  const ids = ['1', '2', '3', '4'].map((digit) => digit.repeat(16))
  const spans = ids.map((id, index) => ({
    ...download(copy, index * 1_000, 8 * FRAME_BYTES),
    streamId: id,
    isRaw: true,
  }))
  await Promise.all(spans.map((span) => on.call('open-download', span)))
  const frames = await data.frames(8 * ids.length)
  for (const { streamId: id, offset, length } of spans) {
    const own = frames.filter((frame) => frame.streamId === id)
    expect(own.map((frame) => frame.isLast)).toEqual([...Array(7).fill(false), true])
    const came = Buffer.concat(own.map((frame) => frame.bytes))
    expect(came.equals(bytes.subarray(offset, offset + length))).toBe(true)
  }
})

test('raw bytes without a data connection are refused, and the file is let go', async () => {
  const { on } = await linked()
  const copy = await uploadLarge(on, randomBytes(2 * FRAME_BYTES))
  const span = { ...download(copy, 0, 2 * FRAME_BYTES), isRaw: true }
  const { frames, errors } = receive(on, true)
  expect(await on.refusal('open-download', span)).toMatchObject({ name: 'LINK_LOST' })
  expect(await openCopies()).toEqual([])

  const data = await dialData(on)
  data.say('00')
  await data.closed
  expect(await on.refusal('open-download', span)).toMatchObject({ name: 'LINK_LOST' })
  expect(await openCopies()).toEqual([])
  expect([frames, errors]).toEqual([[], []])
})

test('a file-server without a data port says so, and sends messages', async () => {
  const { on } = await linked({}, { hasDataPort: false })
  expect(await on.call('open-data-port', {})).toEqual({ port: null })
  const copy = await uploadLarge(on, randomBytes(2 * FRAME_BYTES))
  const { frames } = receive(on, true)
  const span = download(copy, 0, 2 * FRAME_BYTES)
  expect(await on.refusal('open-download', { ...span, isRaw: true })).toMatchObject({ name: 'LINK_LOST' })
  await on.call('open-download', span)
  await vi.waitFor(() => expect(frames).toHaveLength(2))
})

test('a data connection ends with the link it was granted on, and a key of that link opens nothing after it', async () => {
  const { on, manager } = await linked()
  const copy = await uploadLarge(on, randomBytes(80 * FRAME_BYTES))
  const data = await dialData(on)
  const unused = await grantOf(on)
  data.socket.pause()
  const span = { ...download(copy, 0, 80 * FRAME_BYTES), isRaw: true }
  await on.call('open-download', span)
  on.socket.disconnect(true)
  const again = await manager.connection(2, manager.admitted)
  data.socket.resume()
  await data.closed
  await vi.waitFor(async () => expect(await openCopies()).toEqual([]))

  const late = new DataCaller(unused.port, unused.key)
  callers.push(late)
  await late.closed
  expect(await again.refusal('open-download', span)).toMatchObject({ name: 'LINK_LOST' })
  const newer = await dialData(again)
  await again.call('open-download', { ...span, length: 2 * FRAME_BYTES })
  expect(await newer.frames(2)).toHaveLength(2)
})

test('a data connection that ends in the middle ends its streams, lets their files go, and the manager hears of each', async () => {
  const { on } = await linked()
  const copy = await uploadLarge(on, randomBytes(80 * FRAME_BYTES))
  const { frames, errors } = receive(on, true)
  const data = await dialData(on)
  data.socket.pause()
  const span = { ...download(copy, 0, 80 * FRAME_BYTES), isRaw: true }
  for (const id of ['1', '2']) await on.call('open-download', { ...span, streamId: id.repeat(16) })
  expect(await openCopies()).toHaveLength(2)
  data.socket.destroy()
  await vi.waitFor(() => expect(errors).toMatchObject([{ name: 'LINK_LOST' }, { name: 'LINK_LOST' }]))
  await vi.waitFor(async () => expect(await openCopies()).toEqual([]))
  expect(frames).toEqual([])

  const later = await dialData(on)
  await on.call('open-download', { ...span, length: 10 * FRAME_BYTES })
  expect(await later.frames(10)).toHaveLength(10)
})

test('a second data connection takes the place of the first', async () => {
  const { on } = await linked()
  const bytes = randomBytes(80 * FRAME_BYTES)
  const copy = await uploadLarge(on, bytes)
  const { errors } = receive(on, true)
  const first = await dialData(on)
  first.socket.pause()
  const span = { ...download(copy, 0, bytes.length), isRaw: true }
  await on.call('open-download', span)
  const second = await dialData(on)
  first.socket.resume()
  await first.closed
  await vi.waitFor(() => expect(errors).toMatchObject([{ name: 'LINK_LOST' }]))
  const otherId = 'cd'.repeat(8)
  await on.call('open-download', { ...span, length: 10 * FRAME_BYTES, streamId: otherId })
  const frames = await second.frames(10)
  expect(frames.every((frame) => frame.streamId === otherId)).toBe(true)
  expect(Buffer.concat(frames.map((frame) => frame.bytes)).equals(bytes.subarray(0, 10 * FRAME_BYTES))).toBe(true)
})

test('raw bytes that end early, for the file is too short, are told of on the link; the data connection stays', async () => {
  const { on } = await linked()
  const bytes = randomBytes(2 * FRAME_BYTES)
  const copy = await uploadLarge(on, bytes)
  const { errors } = receive(on, true)
  const data = await dialData(on)
  await on.call('open-download', { ...download(copy, 0, 3 * FRAME_BYTES), isRaw: true })
  await vi.waitFor(() => expect(errors).toMatchObject([{ name: 'COPY_NOT_FOUND' }]))
  await on.call('open-download', { ...download(copy, 0, 2 * FRAME_BYTES), streamId: 'cd'.repeat(8), isRaw: true })
  const own = (await data.frames(4)).slice(2)
  expect(Buffer.concat(own.map((frame) => frame.bytes)).equals(bytes)).toBe(true)
})
