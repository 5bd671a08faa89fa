import { randomBytes } from 'node:crypto'
import { FRAME_BYTES, PART_BYTES } from '@holdfast/shared/limits'
import { afterEach, expect, test, vi } from 'vitest'
import { readPart } from '../../src/storage/read-part.ts'
import { readToHere } from './data-link-fixture.ts'
import { readBytes } from './read-part-fixture.ts'
import { frameOf, framesOf, type ScriptedDataPort, useDataPorts } from './scripted-data-port.ts'
import { type Ack, aCopy, leftOf, nothing, type ScriptedFileServer, useSocketServer } from './scripted-file-server.ts'

const { connect } = useSocketServer()
const openPort = useDataPorts()
type Command = { offset: number; length: number; streamId: string; isRaw: boolean }

afterEach(() => {
  vi.useRealTimers()
})

const spanOf = (length: number) => ({ sizeBytes: null, offset: 0, length, requestId: 'test' })
const LARGE = 3 * FRAME_BYTES

/** A file-server with a data connection, and what it is asked for. It answers by messages as `stream` does. */
async function connectRaw(bytes: Buffer, sendRaw: (command: Command, port: ScriptedDataPort) => unknown) {
  const { peer, link } = await connect()
  const port = await openPort()
  const isRaw: boolean[] = []
  peer.answer('open-data-port', (_: unknown, ack: Ack) => ack(port.ack()))
  peer.answer('open-download', async (command: Command, ack: Ack) => {
    isRaw.push(command.isRaw)
    const { streamId } = command
    ack({ ok: true })
    if (command.isRaw) return void (await sendRaw(command, port))
    for (let at = 0, seq = 0; at < bytes.length; at += FRAME_BYTES, seq++) {
      const isLast = at + FRAME_BYTES >= bytes.length
      await peer.send('stream-frame', { streamId, seq, isLast }, bytes.subarray(at, at + FRAME_BYTES))
    }
  })
  await vi.waitFor(() => expect(link.data.isOpen()).toBe(true), 5_000)
  return { peer, link, port, isRaw }
}

const isSameMemory = (one: Buffer, other: Buffer): boolean =>
  one.buffer === other.buffer && one.byteOffset === other.byteOffset

test('a large read comes by the data connection, into the memory that was handed over', async () => {
  const bytes = randomBytes(PART_BYTES - 5)
  const { link, isRaw } = await connectRaw(bytes, ({ streamId }, port) => port.send(framesOf(streamId, bytes)))
  const room = Buffer.alloc(PART_BYTES)
  const read = await readBytes(link, aCopy(), { ...spanOf(bytes.length), room })
  expect([read.equals(bytes), isSameMemory(read, room), isRaw]).toEqual([true, true, [true]])
  const other = await readBytes(link, aCopy(), spanOf(bytes.length))
  expect([other.equals(bytes), isSameMemory(other, room), isRaw]).toEqual([true, false, [true, true]])
  expect([...room.subarray(bytes.length)]).toEqual([0, 0, 0, 0, 0])
  expect(leftOf(link)).toEqual(nothing)
})

test('several large reads at once come by one data connection, their frames mixed, each right', async () => {
  const bytes = randomBytes(5 * LARGE)
  const { link, port, isRaw } = await connectRaw(bytes, async ({ offset, length, streamId }, raw) => {
    for (let at = 0; at < length; at += FRAME_BYTES) {
      const end = Math.min(at + FRAME_BYTES, length)
      await raw.send(frameOf(streamId, bytes.subarray(offset + at, offset + end), end === length))
    }
  })
  const reads = [0, 1, 2, 3].map((index) =>
    readBytes(link, aCopy(), { ...spanOf(LARGE + index), offset: index * LARGE }),
  )
  for (const [index, read] of (await Promise.all(reads)).entries())
    expect(read.equals(bytes.subarray(index * LARGE, index * LARGE + LARGE + index))).toBe(true)
  expect([isRaw, port.dialCount]).toEqual([[true, true, true, true], 1])
})

test.each<[string, (command: Command, port: ScriptedDataPort) => Promise<void>]>([
  [
    'in the middle of a frame',
    async ({ streamId }, port) => {
      await port.send(framesOf(streamId, Buffer.alloc(LARGE, 'x')).subarray(0, FRAME_BYTES + 1_000))
      port.hangUp()
    },
  ],
  ['before the first byte', async (_, port) => port.hangUp()],
])('where the data connection ends %s the read is right by messages, in other memory', async (_, sendRaw) => {
  const bytes = randomBytes(LARGE)
  const { link, isRaw } = await connectRaw(bytes, sendRaw)
  const room = Buffer.alloc(LARGE)
  const read = await readBytes(link, aCopy(), { ...spanOf(LARGE), room })
  expect([read.equals(bytes), read.buffer === room.buffer, isRaw]).toEqual([true, false, [true, false]])
  expect([link.data.isOpen(), leftOf(link)]).toEqual([false, nothing])
})

test('bytes that come late, after their read went on by messages, change nothing of it', async () => {
  const bytes = randomBytes(LARGE)
  let late = (): Promise<void> => Promise.reject(new Error('nothing was asked for'))
  const { peer, link, port, isRaw } = await connectRaw(bytes, async ({ streamId }, raw) => {
    const wrong = framesOf(streamId, Buffer.alloc(LARGE, 'x'))
    await raw.send(wrong.subarray(0, 1_000))
    late = () => raw.send(wrong.subarray(1_000), [100_000, 500_000])
    await peer.send('stream-error', { streamId, error: { name: 'LINK_LOST' } })
  })
  const room = Buffer.alloc(LARGE)
  const read = await readBytes(link, aCopy(), { ...spanOf(LARGE), room })
  await late()
  await readToHere(port, link.data)
  expect([read.equals(bytes), read.buffer === room.buffer, isRaw]).toEqual([true, false, [true, false]])
})

test('a file-server that has lost the data connection is read by messages', async () => {
  const bytes = randomBytes(LARGE)
  const { peer, link } = await connectRaw(bytes, () => undefined)
  peer.answer('open-download', ({ isRaw, streamId }: Command, ack: Ack) => {
    if (isRaw) return ack({ ok: false, error: { name: 'LINK_LOST' } })
    ack({ ok: true })
    for (let seq = 0; seq < 3; seq++)
      void peer.send(
        'stream-frame',
        { streamId, seq, isLast: seq === 2 },
        bytes.subarray(seq * FRAME_BYTES, (seq + 1) * FRAME_BYTES),
      )
  })
  expect((await readBytes(link, aCopy(), spanOf(LARGE))).equals(bytes)).toBe(true)
  expect(leftOf(link)).toEqual(nothing)
})

const reports =
  (name: string) =>
  ({ streamId }: Command, _: ScriptedDataPort, peer: ScriptedFileServer) =>
    peer.send('stream-error', { streamId, error: { name } })

test.each<[string, string, (command: Command, port: ScriptedDataPort, peer: ScriptedFileServer) => unknown]>([
  ['a stream error', 'COPY_NOT_FOUND', reports('COPY_NOT_FOUND')],
  ['a damaged copy', 'COPY_MISMATCH', reports('COPY_MISMATCH')],
  [
    'too few bytes',
    'COPY_MISMATCH',
    ({ streamId }, port) => port.send(frameOf(streamId, Buffer.alloc(FRAME_BYTES), true)),
  ],
  [
    'too many bytes',
    'COPY_MISMATCH',
    ({ streamId }, port) => port.send(framesOf(streamId, Buffer.alloc(LARGE + FRAME_BYTES))),
  ],
  [
    'too many bytes of one frame',
    'COPY_MISMATCH',
    ({ streamId }, port) => port.send(framesOf(streamId, Buffer.alloc(LARGE + 1))),
  ],
])('%s on the data connection is an error, and not asked for again by messages', async (what, name, send) => {
  const { peer, link, port, isRaw } = await connectRaw(Buffer.alloc(LARGE), (command, raw) => send(command, raw, peer))
  // One frame more is more than a frame has room for only where the last one ends within it.
  const length = what === 'too many bytes' ? LARGE - 10 : LARGE
  await expect(readPart(link, aCopy(), spanOf(length))).rejects.toMatchObject({ name })
  await readToHere(port, link.data)
  expect([isRaw, link.data.isOpen(), leftOf(link)]).toEqual([[true], true, nothing])
})

test('a raw read takes no messages: what is verified must not be written to by a frame that is still on its way', async () => {
  const bytes = randomBytes(LARGE)
  const evil = Buffer.alloc(LARGE, 'x')
  const { peer, link, isRaw } = await connectRaw(bytes, async ({ streamId }, port) => {
    await port.send(framesOf(streamId, evil).subarray(0, 16))
    for (let seq = 0; seq < 3; seq++)
      await peer
        .send(
          'stream-frame',
          { streamId, seq, isLast: seq === 2 },
          bytes.subarray(seq * FRAME_BYTES, (seq + 1) * FRAME_BYTES),
        )
        .catch(() => undefined)
  })
  await expect(readPart(link, aCopy(), spanOf(LARGE))).rejects.toMatchObject({ name: 'INVALID_REQUEST' })
  expect(isRaw).toEqual([true])
})

test('a refusal of a raw read is an error, and not asked for again by messages', async () => {
  const { peer, link } = await connectRaw(Buffer.alloc(LARGE), () => undefined)
  const commands: Command[] = []
  peer.answer('open-download', (command: Command, ack: Ack) => {
    commands.push(command)
    ack({ ok: false, error: { name: 'COPY_MISMATCH' } })
  })
  await expect(readPart(link, aCopy(), spanOf(LARGE))).rejects.toMatchObject({ name: 'COPY_MISMATCH' })
  expect([commands.length, link.data.isOpen(), leftOf(link)]).toEqual([1, true, nothing])
})

test('a file-server that goes away in the middle of raw frames ends the read at once', async () => {
  const { peer, link, port, isRaw } = await connectRaw(Buffer.alloc(LARGE), async ({ streamId }, raw) => {
    await raw.send(framesOf(streamId, Buffer.alloc(LARGE)).subarray(0, FRAME_BYTES + 1_000))
    peer.socket.disconnect()
  })
  const startedAt = performance.now()
  await expect(readPart(link, aCopy(), spanOf(LARGE))).rejects.toMatchObject({ name: 'LINK_LOST' })
  expect(performance.now() - startedAt).toBeLessThan(2_000)
  await vi.waitFor(() => expect([isRaw, port.open.size, leftOf(link)]).toEqual([[true], 0, nothing]))
})

test('a client that hangs up ends its raw read at once, and the next one is right', async () => {
  const bytes = randomBytes(LARGE)
  const controller = new AbortController()
  let isFirst = true
  const { link, isRaw } = await connectRaw(bytes, async ({ streamId }, port) => {
    const frames = framesOf(streamId, bytes)
    if (!isFirst) return port.send(frames)
    isFirst = false
    await port.send(frames.subarray(0, FRAME_BYTES + 1_000))
    controller.abort()
    await port.send(frames.subarray(FRAME_BYTES + 1_000))
  })
  await expect(readPart(link, aCopy(), spanOf(LARGE), controller)).rejects.toMatchObject({ name: 'CANCELLED' })
  expect(leftOf(link)).toEqual(nothing)
  expect((await readBytes(link, aCopy(), spanOf(LARGE))).equals(bytes)).toBe(true)
  expect(isRaw).toEqual([true, true])
})

test('a raw read that stalls to its deadline drops the data connection', async () => {
  const { link, port, isRaw } = await connectRaw(Buffer.alloc(LARGE), ({ streamId }, raw) =>
    raw.send(framesOf(streamId, Buffer.alloc(LARGE)).subarray(0, FRAME_BYTES + 1_000)),
  )
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true })
  const outcome = readPart(link, aCopy(), spanOf(LARGE)).catch((error: { name: string }) => error.name)
  for (let passed = 0; passed <= 80_000; passed += 1_000) {
    vi.advanceTimersByTime(1_000)
    await link.call('welcome', { managers: [] }, { deadlineMs: 200_000 }) // time enough for pings
  }
  expect(await outcome).toBe('DEADLINE_EXCEEDED')
  vi.useRealTimers()
  await vi.waitFor(() => expect([link.data.isOpen(), port.open.size]).toEqual([false, 0]))
  expect([isRaw, leftOf(link)]).toEqual([[true], nothing])
})
