import { randomBytes } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { DataConnection } from '../../src/link/data-connection.ts'
import { DataPort } from '../../src/link/data-port.ts'
import { quietLog } from '../store/store-fixture.ts'
import { DataCaller } from './link-fixture.ts'

const MIB = 1024 * 1024
/** More than the kernel takes for a peer that does not read. */
const TOO_MUCH = Buffer.alloc(64 * MIB)
const DEADLINE_MS = 10_000
const streamId = '0123456789abcdef'

let port: DataPort
let connection: DataConnection
let peer: DataCaller

beforeEach(async () => {
  port = await DataPort.open('127.0.0.1', 0, quietLog)
  const { promise, onOpen } = opening()
  peer = await DataCaller.meet(port.grant(onOpen))
  connection = await promise
})

afterEach(() => {
  vi.useRealTimers()
  port.close()
  peer.socket.destroy()
})

function opening() {
  let onOpen: (connection: DataConnection) => void = () => undefined
  const promise = new Promise<DataConnection>((resolve) => {
    onOpen = resolve
  })
  return { promise, onOpen }
}

/** How sends end, each by itself. */
const endsOf = async (sends: readonly Promise<void>[]) =>
  (await Promise.allSettled(sends)).map((end) => (end.status === 'rejected' ? (end.reason as StoreError).name : 'sent'))

test('frames arrive in the order they were given, each a header and its bytes', async () => {
  const given = [
    { streamId, seq: 0, isLast: false, bytes: randomBytes(MIB) },
    { streamId: 'ffffffffffffffff', seq: 0, isLast: false, bytes: randomBytes(1) },
    { streamId: 'ffffffffffffffff', seq: 1, isLast: true, bytes: Buffer.alloc(0) },
    { streamId, seq: 1, isLast: true, bytes: randomBytes(100_000) },
  ]
  const sends = given.map((frame) => connection.send(frame, frame.bytes, DEADLINE_MS))
  const frames = await peer.frames(given.length)
  await Promise.all(sends)
  for (const [index, { bytes, ...header }] of given.entries()) {
    expect(frames[index]).toMatchObject({ ...header, length: bytes.length })
    expect(frames[index]?.bytes.equals(bytes)).toBe(true)
  }
})

test('a send ends when its frame has left, not before, and leaves no timer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  peer.socket.pause()
  let hasLeft = false
  const sending = connection.send({ streamId, seq: 0, isLast: true }, TOO_MUCH, DEADLINE_MS).then(() => {
    hasLeft = true
  })
  // By the time another connection is answered this one has been written to.
  const other = await DataCaller.meet(port.grant(() => undefined))
  expect(hasLeft).toBe(false)
  peer.socket.resume()
  await sending
  expect(vi.getTimerCount()).toBe(0)
  expect(connection.isOpen).toBe(true)
  other.socket.destroy()
})

test('memory may be written to as soon as its frame has left', async () => {
  const bytes = Buffer.alloc(MIB)
  const count = 20
  for (let seq = 0; seq < count; seq++) {
    await connection.send({ streamId, seq, isLast: seq === count - 1 }, bytes.fill(seq), DEADLINE_MS)
  }
  for (const [seq, frame] of (await peer.frames(count)).entries()) {
    expect(frame.bytes.equals(Buffer.alloc(MIB, seq))).toBe(true)
  }
})

test('a peer that takes nothing until the deadline is gone, and the send says so', async () => {
  peer.socket.pause()
  await expect(connection.send({ streamId, seq: 0, isLast: true }, TOO_MUCH, 30)).rejects.toMatchObject({
    name: 'LINK_LOST',
  })
  expect(connection.isOpen).toBe(false)
  peer.socket.resume()
  await peer.closed
})

test('a connection that closes while sends wait ends each of them with LINK_LOST, and leaves no timer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  peer.socket.pause()
  const sends = [1, 2, 3].map(() => connection.send({ streamId, seq: 0, isLast: false }, TOO_MUCH, DEADLINE_MS))
  connection.close()
  expect(await endsOf(sends)).toEqual(['LINK_LOST', 'LINK_LOST', 'LINK_LOST'])
  expect(vi.getTimerCount()).toBe(0)
})

test('a peer that is gone ends every send that waits, and those after it', async () => {
  peer.socket.pause()
  const sends = [1, 2, 3].map(() => connection.send({ streamId, seq: 0, isLast: false }, TOO_MUCH, DEADLINE_MS))
  peer.socket.destroy()
  expect(await endsOf(sends)).toEqual(['LINK_LOST', 'LINK_LOST', 'LINK_LOST'])
  expect(connection.isOpen).toBe(false)
  await expect(connection.send({ streamId, seq: 0, isLast: true }, Buffer.alloc(1), DEADLINE_MS)).rejects.toThrow(
    StoreError,
  )
})

test('a peer that ends its side is hung up on', async () => {
  peer.socket.end()
  await peer.closed
  expect(connection.isOpen).toBe(false)
  await expect(connection.send({ streamId, seq: 0, isLast: true }, Buffer.alloc(1), DEADLINE_MS)).rejects.toMatchObject(
    {
      name: 'LINK_LOST',
    },
  )
})

test('a peer that speaks is hung up on', async () => {
  peer.say(Buffer.from('?'))
  await peer.closed
  expect(connection.isOpen).toBe(false)
})
