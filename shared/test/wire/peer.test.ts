import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { Peer, type WireSocket } from '@holdfast/shared/wire/peer'
import { Server, type Socket } from 'socket.io'
import { type Socket as ClientSocket, io } from 'socket.io-client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

type Ack = (result: unknown) => void

let server: Server
let client: ClientSocket
let far: Socket

beforeEach(async () => {
  const http = createServer()
  server = new Server(http, { transports: ['websocket'] })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const connected = new Promise<Socket>((resolve) => server.on('connection', resolve))
  client = io(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, {
    transports: ['websocket'],
    reconnection: false,
    forceNew: true,
  })
  far = await connected
  if (!client.connected) await new Promise<void>((resolve) => client.on('connect', resolve))
})

afterEach(async () => {
  client.disconnect()
  await server.close()
})

/** Either end of the connection, calling the other. */
const ends = {
  client: () => ({ near: client as WireSocket, answer: far }),
  server: () => ({ near: far as WireSocket, answer: client }),
}
const deadlineMs = 10_000
const failure = async (call: Promise<unknown>): Promise<StoreError> => {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof StoreError)) throw new Error('the call did not fail with a StoreError')
  return error
}

test.each(['client', 'server'] as const)(
  'a command from the %s reaches the other end with its bytes, and its ack comes back',
  async (end) => {
    const { near, answer } = ends[end]()
    answer.on('upload-frame', (frame: { seq: number }, bytes: Uint8Array, ack: Ack) => {
      ack({ ok: true, seq: frame.seq, text: Buffer.from(bytes).toString() })
    })
    const peer = new Peer(near)
    const result = await peer.call('upload-frame', [{ seq: 3 }, Buffer.from('bytes')], { deadlineMs })
    expect(result).toEqual({ ok: true, seq: 3, text: 'bytes' })
    expect(peer.waitingCount).toBe(0)
  },
)

test('an error ack fails the command with that error', async () => {
  far.on('delete-file', (_command: unknown, ack: Ack) =>
    ack({ ok: false, error: { name: 'COPY_NOT_FOUND', detail: 'gone' } }),
  )
  const error = await failure(new Peer(client).call('delete-file', [{}], { deadlineMs }))
  expect(error).toMatchObject({ name: 'COPY_NOT_FOUND', detail: 'gone' })
})

test.each([
  ['nothing', undefined],
  ['null', null],
  ['a string', 'ok'],
  ['a number', 1],
  ['an empty object', {}],
  ['an array', []],
  ['ok that is not true', { ok: 'true' }],
  ['an error without a name', { ok: false }],
  ['an error with an unknown name', { ok: false, error: { name: 'toString' } }],
  ['bytes', Buffer.from('ok')],
])('an ack of %s fails the command, and not as a failure of this side', async (_, result) => {
  far.on('delete-file', (_command: unknown, ack: Ack) => ack(result))
  const error = await failure(new Peer(client).call('delete-file', [{}], { deadlineMs }))
  expect(error.name).toBe('BAD_ANSWER')
})

test('a command that nobody acknowledges ends at its deadline, and a late ack changes nothing', async () => {
  const acks: Ack[] = []
  far.on('delete-file', (_command: unknown, ack: Ack) => acks.push(ack))
  const peer = new Peer(client)
  const error = await failure(peer.call('delete-file', [{}], { deadlineMs: 30 }))
  expect(error.name).toBe('DEADLINE_EXCEEDED')
  expect(peer.waitingCount).toBe(0)
  await vi.waitFor(() => expect(acks).toHaveLength(1))
  acks[0]?.({ ok: true })
  far.on('next', (ack: Ack) => ack({ ok: true }))
  expect(await peer.call('next', [], { deadlineMs })).toEqual({ ok: true })
})

test.each(['client', 'server'] as const)(
  'a lost connection ends all commands of the %s at once, long before their deadlines',
  async (end) => {
    const { near, answer } = ends[end]()
    const peer = new Peer(near)
    let arrivedCount = 0
    answer.on('delete-file', () => {
      arrivedCount++
      if (arrivedCount === 3) server.sockets.sockets.get(far.id)?.conn.close()
    })
    const startedAt = performance.now()
    const calls = [1, 2, 3].map(() => failure(peer.call('delete-file', [{}], { deadlineMs: 60_000 })))
    expect(peer.waitingCount).toBe(3)
    expect((await Promise.all(calls)).map((error) => error.name)).toEqual(['LINK_LOST', 'LINK_LOST', 'LINK_LOST'])
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    expect(peer.isConnected).toBe(false)
    expect(peer.waitingCount).toBe(0)
  },
)

test('a command on a lost connection fails at once and is not kept for the next one', async () => {
  const peer = new Peer(client)
  client.disconnect()
  expect((await failure(peer.call('delete-file', [{}], { deadlineMs }))).name).toBe('LINK_LOST')
  const arrived = vi.fn()
  server.on('connection', (socket) => socket.onAny(arrived).on('next', (ack: Ack) => ack({ ok: true })))
  client.connect()
  await new Promise<void>((resolve) => client.on('connect', resolve))
  await peer.call('next', [], { deadlineMs })
  expect(arrived.mock.calls.map(([event]) => event as string)).toEqual(['next'])
})

test('a signal ends a command with CANCELLED and leaves no listener behind', async () => {
  const controller = new AbortController()
  const add = vi.spyOn(controller.signal, 'addEventListener')
  const remove = vi.spyOn(controller.signal, 'removeEventListener')
  const peer = new Peer(client)
  far.on('next', (ack: Ack) => ack({ ok: true }))
  await peer.call('next', [], { deadlineMs, signal: controller.signal })
  const call = failure(peer.call('delete-file', [{}], { deadlineMs, signal: controller.signal }))
  controller.abort(new Error('shutdown'))
  expect(await call).toMatchObject({ name: 'CANCELLED', cause: new Error('shutdown') })
  expect(add).toHaveBeenCalledTimes(2)
  expect(remove).toHaveBeenCalledTimes(2)
  expect(peer.waitingCount).toBe(0)
})

test('a signal that fired before sends nothing', async () => {
  const arrived = vi.fn()
  far.onAny(arrived)
  far.on('next', (ack: Ack) => ack({ ok: true }))
  const peer = new Peer(client)
  const error = await failure(peer.call('delete-file', [{}], { deadlineMs, signal: AbortSignal.abort() }))
  await peer.call('next', [], { deadlineMs })
  expect(error.name).toBe('CANCELLED')
  expect(arrived.mock.calls.map(([event]) => event as string)).toEqual(['next'])
})

test('many commands at once each get their own ack', async () => {
  far.on('echo', (value: number, ack: Ack) => setImmediate(() => ack({ ok: true, value })))
  const peer = new Peer(client)
  const values = Array.from({ length: 500 }, (_, index) => index)
  const results = await Promise.all(values.map((value) => peer.call('echo', [value], { deadlineMs })))
  expect(results.map((result) => result.value)).toEqual(values)
})
