import { StoreError } from '@holdfast/shared/errors/store-error'
import { decodeGroup, encodeGroup } from '@holdfast/shared/wire/group'
import { Peer, type WireSocket } from '@holdfast/shared/wire/peer'
import type { Socket } from 'socket.io'
import { expect, test, vi } from 'vitest'
import { table, useConnection } from './wire-fixture.ts'

const connection = useConnection()
type Table = typeof table
type Given = { readonly id: number; readonly value: unknown; readonly bytes: Uint8Array | null }

const deadlineMs = 10_000
const failure = async (call: Promise<unknown>): Promise<StoreError> => {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof StoreError)) throw new Error('the call did not fail with a StoreError')
  return error
}
const peerOf = (socket: WireSocket = connection.client): Peer<Table> => new Peer(socket, table)

/** Hands on commands of that name as they come, alone or in a group. */
function onCommand(end: WireSocket, name: string, take: (given: Given) => void): void {
  end.on(name, (id: number, rest: { value: unknown }, bytes: Uint8Array | null = null) =>
    take({ id, value: rest.value, bytes }),
  )
  end.on('commands', (group: unknown) => {
    for (const { head, bytes } of decodeGroup(group)) {
      const [id, command, rest] = head as [number, string, { value: unknown }]
      if (command === name) take({ id, value: rest.value, bytes })
    }
  })
}
/** Sends acks, each with what stands after its id. */
const give = (end: WireSocket, id: unknown, ...rest: unknown[]): unknown =>
  end.emit('acks', encodeGroup([{ head: [id, ...rest], bytes: null }]))

/** A command travels either way. */
const ways = ['echo', 'grouped-echo'] as const
/** Either end of the connection calls the other. */
const ends = {
  client: () => ({ near: connection.client as WireSocket, answer: connection.far as WireSocket }),
  server: () => ({ near: connection.far as WireSocket, answer: connection.client as WireSocket }),
}
const both = (['client', 'server'] as const).flatMap((end) => ways.map((way) => [way, end] as const))

test.each(both)('%s from the %s reaches the other end with its bytes, and its ack comes back', async (way, end) => {
  const { near, answer } = ends[end]()
  onCommand(answer, way, ({ id, value, bytes }) =>
    answer.emit('acks', encodeGroup([{ head: [id, null, { value }], bytes }])),
  )
  const peer = peerOf(near)
  expect(await peer.call(way, { value: 3, bytes: Buffer.from('bytes') })).toEqual({
    value: 3,
    bytes: Buffer.from('bytes'),
  })
  expect(await peer.call(way, { value: [4] })).toEqual({ value: [4] })
  expect(peer.waitingCount).toBe(0)
})

test.each(ways)('an error ack fails %s with that error', async (way) => {
  const { far } = connection
  onCommand(far, way, ({ id }) => give(far, id, { name: 'COPY_NOT_FOUND', detail: 'gone' }))
  expect(await failure(peerOf().call(way, { value: 1 }))).toMatchObject({ name: 'COPY_NOT_FOUND', detail: 'gone' })
})

test.each<[string, unknown[]]>([
  ['nothing', []],
  ['an error that is text', ['text', {}]],
  ['an error without a name', [{}]],
  ['an error that is no error', [[]]],
  ['an error with an unknown name', [{ name: 'toString' }]],
  ['an error of this side', [{ name: 'INTERNAL' }]],
  ['no result', [null]],
  ['a result that is null', [null, null]],
  ['a result that is text', [null, 'ok']],
  ['a result that is a number', [null, 1]],
  ['a result that is a list', [null, []]],
])('an ack of %s fails the command, and not as a failure of this side', async (_, rest) => {
  const { far } = connection
  const peer = peerOf()
  for (const way of ways) {
    onCommand(far, way, ({ id }) => give(far, id, ...rest))
    expect((await failure(peer.call(way, { value: 1 }))).name).toBe('BAD_ANSWER')
  }
  expect(peer.waitingCount).toBe(0)
})

test.each(ways)('%s that nobody acknowledges ends at its deadline, and a late ack changes nothing', async (way) => {
  const { far } = connection
  const given: Given[] = []
  onCommand(far, way, (command) => given.push(command))
  const peer = peerOf()
  const error = await failure(peer.call(way, { value: 1 }, { deadlineMs: 30 }))
  expect([error.name, peer.waitingCount]).toEqual(['DEADLINE_EXCEEDED', 0])
  await vi.waitFor(() => expect(given).toHaveLength(1))
  give(far, given[0]?.id, null, { value: 'late' })
  onCommand(far, 'next', ({ id }) => give(far, id, null, {}))
  expect(await peer.call('next', { value: 2 })).toEqual({})
})

test('the deadline of a command is that of the table unless another one is given', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const peer = peerOf()
    const outcome = failure(peer.call('wait', { value: 1 }))
    vi.advanceTimersByTime(table.wait.deadlineMs - 1)
    expect(peer.waitingCount).toBe(1)
    vi.advanceTimersByTime(1)
    expect([(await outcome).name, peer.waitingCount]).toEqual(['DEADLINE_EXCEEDED', 0])
  } finally {
    vi.useRealTimers()
  }
})

test.each(both)('a lost connection ends all that wait of %s from the %s at once', async (way, end) => {
  const { near, answer } = ends[end]()
  const peer = peerOf(near)
  let arrivedCount = 0
  onCommand(answer, way, () => {
    arrivedCount++
    if (arrivedCount === 3) connection.server.sockets.sockets.get(connection.far.id)?.conn.close()
  })
  const startedAt = performance.now()
  const calls = [1, 2, 3].map((value) => failure(peer.call(way, { value }, { deadlineMs: 60_000 })))
  expect(peer.waitingCount).toBe(3)
  expect((await Promise.all(calls)).map((error) => error.name)).toEqual(['LINK_LOST', 'LINK_LOST', 'LINK_LOST'])
  expect(performance.now() - startedAt).toBeLessThan(15_000)
  expect([peer.isConnected, peer.waitingCount]).toEqual([false, 0])
})

test('a command on a lost connection fails at once and is not kept for the next one', async () => {
  const { client, server } = connection
  const peer = peerOf()
  const inItsTurn = failure(peer.call('grouped-echo', { value: 0 }))
  client.disconnect()
  for (const way of ways) expect((await failure(peer.call(way, { value: 1 }))).name).toBe('LINK_LOST')
  expect((await inItsTurn).name).toBe('LINK_LOST')
  const arrived = vi.fn()
  server.on('connection', (socket: Socket) => {
    socket.onAny(arrived)
    onCommand(socket, 'next', ({ id }) => give(socket, id, null, {}))
  })
  client.connect()
  await new Promise<void>((resolve) => client.on('connect', resolve))
  await peer.call('next', { value: 2 })
  expect(arrived.mock.calls.map(([event]) => event as string)).toEqual(['next'])
})

test.each(ways)('a signal ends %s with CANCELLED and leaves no listener behind', async (way) => {
  const { far } = connection
  const controller = new AbortController()
  const add = vi.spyOn(controller.signal, 'addEventListener')
  const remove = vi.spyOn(controller.signal, 'removeEventListener')
  const peer = peerOf()
  onCommand(far, 'next', ({ id }) => give(far, id, null, {}))
  await peer.call('next', { value: 1 }, { deadlineMs, signal: controller.signal })
  const call = failure(peer.call(way, { value: 2 }, { signal: controller.signal }))
  controller.abort(new Error('shutdown'))
  expect(await call).toMatchObject({ name: 'CANCELLED', cause: new Error('shutdown') })
  expect(add).toHaveBeenCalledTimes(2)
  expect(remove).toHaveBeenCalledTimes(2)
  expect(peer.waitingCount).toBe(0)
})

test('a signal that fired before sends nothing', async () => {
  const { far } = connection
  const arrived = vi.fn()
  far.onAny(arrived)
  onCommand(far, 'next', ({ id }) => give(far, id, null, {}))
  const peer = peerOf()
  for (const way of ways)
    expect((await failure(peer.call(way, { value: 1 }, { signal: AbortSignal.abort() }))).name).toBe('CANCELLED')
  await peer.call('next', { value: 1 })
  expect(arrived.mock.calls.map(([event]) => event as string)).toEqual(['next'])
})

test('many commands at once each get their own ack', async () => {
  const { far } = connection
  for (const way of ways)
    onCommand(far, way, ({ id, value }) => setImmediate(() => give(far, id, null, { value: `${way} ${value}` })))
  const peer = peerOf()
  const values = Array.from({ length: 500 }, (_, index) => index)
  const results = await Promise.all(values.map((value) => peer.call(ways[value % 2] ?? 'echo', { value })))
  expect(results.map((result) => result.value)).toEqual(values.map((value) => `${ways[value % 2]} ${value}`))
})

test('an ack that is late, comes twice or is nobody’s changes nothing', async () => {
  const { far } = connection
  for (const way of ways)
    onCommand(far, way, ({ id }) => {
      const ack = encodeGroup([{ head: [id, null, { value: 'right' }], bytes: null }])
      const twice = encodeGroup([{ head: [id, null, { value: 'wrong' }], bytes: null }])
      const stray = encodeGroup([
        { head: [99, null, {}], bytes: null },
        { head: [String(id), null, {}], bytes: null },
        { head: null, bytes: null },
      ])
      for (const group of [stray, ack, twice, stray]) far.emit('acks', group)
    })
  const peer = peerOf()
  for (const way of ways) expect(await peer.call(way, { value: 1 })).toEqual({ value: 'right' })
  expect(peer.waitingCount).toBe(0)
})

test.each<[string, unknown]>([
  ['text', 'text'],
  ['nothing', undefined],
  ['bytes that are no group', Buffer.from('no group')],
])('acks that are %s end the calls that wait with BAD_ANSWER', async (_, acks) => {
  const { far } = connection
  onCommand(far, 'echo', () => void far.emit('acks', acks))
  const peer = peerOf()
  const calls = [peer.call('grouped-wait', { value: 1 }), peer.call('echo', { value: 1 })]
  expect((await Promise.all(calls.map(failure))).map(({ name }) => name)).toEqual(['BAD_ANSWER', 'BAD_ANSWER'])
  expect(peer.waitingCount).toBe(0)
})
