import { randomBytes } from 'node:crypto'
import { FRAME_BYTES, INLINE_MAX_BYTES, PART_BYTES } from '@holdfast/shared/limits'
import { afterEach, expect, test, vi } from 'vitest'
import { readPart } from '../../../src/chunks/reading/read-part.ts'
import { type Ack, aCopy, leftOf, nothing, type ScriptedFileServer, useSocketServer } from '../scripted-file-server.ts'
import { readBytes } from './read-part-fixture.ts'

const { connect } = useSocketServer()
type Command = { offset: number; length: number; streamId: string }

afterEach(() => {
  vi.useRealTimers()
})

const spanOf = (length: number) => ({ sizeBytes: null, offset: 0, length, requestId: 'test' })
const LARGE = 3 * FRAME_BYTES

/** Answers downloads with a stream whose frames the test sends. @returns acks of the frames, in order */
function stream(peer: ScriptedFileServer, send: (command: Command, frame: SendFrame) => Promise<void> | void): void {
  peer.answer('open-download', (command: Command, ack: Ack) => {
    ack({ ok: true })
    void send(command, (seq, isLast, bytes) =>
      peer.send('stream-frame', { streamId: command.streamId, seq, isLast }, bytes),
    )
  })
}
type SendFrame = (seq: number, isLast: boolean, bytes: Buffer) => Promise<unknown>

test('takes few bytes from the ack and many from frames', async () => {
  const { peer, link } = await connect()
  const bytes = randomBytes(LARGE)
  peer.answer('download-file', ({ offset, length }: Command, ack: Ack) =>
    ack({ ok: true, bytes: bytes.subarray(offset, offset + length) }),
  )
  const few = await readBytes(link, aCopy(), { sizeBytes: null, offset: 100, length: 50, requestId: 'test' })
  expect(few.equals(bytes.subarray(100, 150))).toBe(true)
  expect((await readBytes(link, aCopy(), spanOf(0))).length).toBe(0)

  const acks: unknown[] = []
  stream(peer, async (_, send) => {
    for (let seq = 0; seq < 3; seq++)
      acks.push(await send(seq, seq === 2, bytes.subarray(seq * FRAME_BYTES, (seq + 1) * FRAME_BYTES)))
  })
  expect((await readBytes(link, aCopy(), spanOf(LARGE))).equals(bytes)).toBe(true)
  await vi.waitFor(() => expect(acks).toEqual([{ ok: true }, { ok: true }, { ok: true }]))
  expect(leftOf(link)).toEqual(nothing)
})

test('frames that come twice are acknowledged and change nothing', async () => {
  const { peer, link } = await connect()
  const bytes = randomBytes(LARGE)
  stream(peer, async (_, send) => {
    for (let seq = 0; seq < 3; seq++) {
      const frame = bytes.subarray(seq * FRAME_BYTES, (seq + 1) * FRAME_BYTES)
      await Promise.all([send(seq, seq === 2, frame), send(seq, seq === 2, Buffer.alloc(5))])
    }
  })
  expect((await readBytes(link, aCopy(), spanOf(LARGE))).equals(bytes)).toBe(true)
})

test.each<[string, [number, boolean, number][], string]>([
  [
    'more bytes than were asked for',
    [
      [0, false, FRAME_BYTES],
      [1, true, LARGE],
    ],
    'COPY_MISMATCH',
  ],
  [
    'fewer bytes than were asked for',
    [
      [0, false, FRAME_BYTES],
      [1, true, 10],
    ],
    'COPY_MISMATCH',
  ],
  ['one empty last frame', [[0, true, 0]], 'COPY_MISMATCH'],
])('a stream of %s is an error', async (_, frames, name) => {
  const { peer, link } = await connect()
  stream(peer, async (_command, send) => {
    for (const [seq, isLast, size] of frames) await send(seq, isLast, Buffer.alloc(Math.min(size, 500 * 1024)))
    await send(frames.length, true, Buffer.alloc(500 * 1024))
  })
  await expect(readPart(link, aCopy(), spanOf(FRAME_BYTES + 11))).rejects.toMatchObject({ name })
  expect(leftOf(link)).toEqual(nothing)
})

test('frames out of order are refused, and the stream’s own error ends it', async () => {
  const { peer, link } = await connect()
  const acks: unknown[] = []
  stream(peer, async ({ streamId }, send) => {
    acks.push(await send(1, false, Buffer.alloc(10)))
    await peer.send('stream-error', { streamId, error: { name: 'INVALID_REQUEST' } })
  })
  await expect(readPart(link, aCopy(), spanOf(LARGE))).rejects.toMatchObject({ name: 'INVALID_REQUEST' })
  expect(acks).toMatchObject([{ ok: false, error: { name: 'INVALID_REQUEST', detail: 'frame 0 is missing' } }])
})

test.each<[unknown, string]>([
  [{ name: 'COPY_NOT_FOUND' }, 'COPY_NOT_FOUND'],
  [{ name: 'constructor' }, 'INTERNAL'],
  [null, 'INTERNAL'],
  ['text', 'INTERNAL'],
])('a stream error of %j becomes %s', async (error, name) => {
  const { peer, link } = await connect()
  stream(peer, async ({ streamId }) => void (await peer.send('stream-error', { streamId, error })))
  await expect(readPart(link, aCopy(), spanOf(LARGE))).rejects.toMatchObject({ name })
  expect(leftOf(link)).toEqual(nothing)
})

test.each<[string, unknown, string]>([
  ['a refusal', { ok: false, error: { name: 'COPY_MISMATCH' } }, 'COPY_MISMATCH'],
  ['too few bytes', { ok: true, bytes: Buffer.alloc(9) }, 'COPY_MISMATCH'],
  ['too many bytes', { ok: true, bytes: Buffer.alloc(11) }, 'COPY_MISMATCH'],
  ['text', { ok: true, bytes: 'ten bytes!' }, 'BAD_ANSWER'],
  ['no bytes', { ok: true }, 'BAD_ANSWER'],
  ['nothing', undefined, 'BAD_ANSWER'],
])('an ack with %s instead of ten bytes is an error', async (_, result, name) => {
  const { peer, link } = await connect()
  peer.answer('download-file', (_command: Command, ack: Ack) => ack(result))
  await expect(readPart(link, aCopy(), spanOf(10))).rejects.toMatchObject({ name })
  expect(leftOf(link)).toEqual(nothing)
})

test.each<[string, number, (peer: ScriptedFileServer) => void]>([
  ['before its ack', 10, (peer) => peer.answer('download-file', () => void peer.socket.disconnect())],
  ['before its first frame', LARGE, (peer) => stream(peer, () => void peer.socket.disconnect())],
  [
    'in the middle of its frames',
    LARGE,
    (peer) =>
      stream(peer, async (_, send) => {
        await send(0, false, Buffer.alloc(FRAME_BYTES))
        peer.socket.disconnect()
      }),
  ],
])('a file-server that goes away %s ends the read at once, with nothing left', async (_, length, prepare) => {
  const { peer, link } = await connect()
  prepare(peer)
  const startedAt = performance.now()
  await expect(readPart(link, aCopy(), spanOf(length))).rejects.toMatchObject({ name: 'LINK_LOST' })
  expect(performance.now() - startedAt).toBeLessThan(8_000)
  expect(leftOf(link)).toEqual(nothing)
})

test('a client that hangs up ends its read, and late frames are told so', async () => {
  const { peer, link } = await connect()
  const controller = new AbortController()
  const late: Promise<unknown>[] = []
  stream(peer, async (_, send) => {
    await send(0, false, Buffer.alloc(FRAME_BYTES))
    controller.abort()
    late.push(send(1, false, Buffer.alloc(FRAME_BYTES)))
  })
  await expect(readPart(link, aCopy(), spanOf(LARGE), controller)).rejects.toMatchObject({ name: 'CANCELLED' })
  expect(await late[0]).toMatchObject({ ok: false, error: { name: 'CANCELLED' } })
  expect(leftOf(link)).toEqual(nothing)
})

test('a client that hangs up while it waits for its turn leaves nothing', async () => {
  const { peer, link } = await connect()
  const acks: Ack[] = []
  peer.answer('download-file', (_command: Command, ack: Ack) => void acks.push(ack))
  const firsts = [0, 1].map(() => readPart(link, aCopy(), spanOf(INLINE_MAX_BYTES)))
  await vi.waitFor(() => expect(acks).toHaveLength(2))
  const controller = new AbortController()
  const third = readPart(link, aCopy(), spanOf(INLINE_MAX_BYTES), controller)
  controller.abort()
  await expect(third).rejects.toMatchObject({ name: 'CANCELLED' })
  for (const ack of acks) ack({ ok: true, bytes: Buffer.alloc(INLINE_MAX_BYTES) })
  await Promise.all(firsts)
  expect([acks.length, leftOf(link)]).toEqual([2, nothing])
})

test.each<[string, number, (peer: ScriptedFileServer) => void, number]>([
  ['acknowledges', 10, (peer) => peer.answer('download-file', () => undefined), 10_000],
  ['sends a frame', LARGE, (peer) => stream(peer, () => undefined), 80_000],
])('a file-server that never %s is given up at the deadline', async (_, length, prepare, deadlineMs) => {
  const { peer, link } = await connect()
  prepare(peer)
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true })
  const outcome = readPart(link, aCopy(), spanOf(length)).catch((error: { name: string }) => error.name)
  for (let passed = 0; passed <= deadlineMs; passed += 1_000) {
    vi.advanceTimersByTime(1_000)
    await link.call('welcome', { managers: [] }, { deadlineMs: 200_000 }) // this leaves time for pings
  }
  expect(await outcome).toBe('DEADLINE_EXCEEDED')
  expect(leftOf(link)).toEqual(nothing)
})

test('more than a part is never asked for', async () => {
  const { link } = await connect()
  await expect(readPart(link, aCopy(), spanOf(PART_BYTES + 1))).rejects.toMatchObject({ name: 'INTERNAL' })
  expect(leftOf(link)).toEqual(nothing)
})
