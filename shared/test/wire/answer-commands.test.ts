import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server, type Socket } from 'socket.io'
import { type Socket as ClientSocket, io } from 'socket.io-client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { StoreError } from '../../src/errors/store-error.ts'
import { answerGroups } from '../../src/wire/answer-groups.ts'
import { decodeGroup, encodeGroup } from '../../src/wire/group.ts'
import { GroupedCalls, type GroupSocket } from '../../src/wire/grouped-calls.ts'

let server: Server
let near: Socket
let far: ClientSocket
let calls: GroupedCalls
/** Refusals that the answering end was told of. */
let refused: string[]
/** Messages that went each way. */
let sent: { commands: number; acks: number }

beforeEach(async () => {
  const http = createServer()
  server = new Server(http, { transports: ['websocket'] })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const connected = new Promise<Socket>((resolve) => server.on('connection', resolve))
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  far = io(url, { transports: ['websocket'], reconnection: false, forceNew: true })
  near = await connected
  if (!far.connected) await new Promise<void>((resolve) => far.on('connect', resolve))
  calls = new GroupedCalls(near as GroupSocket)
  refused = []
  sent = { commands: 0, acks: 0 }
  near.on('acks', () => void sent.acks++)
  far.on('commands', () => void sent.commands++)
})

afterEach(async () => {
  vi.useRealTimers()
  far.disconnect()
  await server.close()
})

/** The far end: `double` doubles its bytes, `refuse` refuses, `wait` never ends, and `slow` ends when told. */
function answer(slow: Promise<void> = Promise.resolve()): void {
  answerGroups(far as GroupSocket, {
    handle: async (command, argument, bytes) => {
      if (command === 'refuse') throw new StoreError('DISK_FULL', 'no room')
      if (command === 'wait') await new Promise(() => {})
      if (command === 'slow') await slow
      return { result: { argument }, bytes: bytes && Buffer.concat([bytes, bytes]) }
    },
    onRefused: (_command, error) => refused.push((error as Error).name),
  })
}
/** Of the first command. */
const idIn = (group: Uint8Array): unknown => decodeGroup(group).map(({ head }) => (head as unknown[])[0])[0]
const call = (command: string, argument: object = {}, bytes: Buffer | null = null, deadlineMs = 5_000) =>
  calls.call(command, argument, bytes, deadlineMs)

test('calls of one turn share a message, and each gets its own ack', async () => {
  answer()
  const acks = await Promise.all(
    Array.from({ length: 50 }, (_, index) => call('double', { index }, index % 2 === 0 ? Buffer.from([index]) : null)),
  )
  expect(acks.map(({ result }) => result.argument)).toEqual(acks.map((_, index) => ({ index })))
  expect(acks.map(({ bytes }) => bytes && [...bytes])).toEqual(
    acks.map((_, index) => (index % 2 === 0 ? [index, index] : null)),
  )
  expect(sent.commands).toBe(1)
  expect(sent.acks).toBeLessThanOrEqual(2)
  expect(calls.waitingCount).toBe(0)
})

test('one that takes long keeps none of its group waiting', async () => {
  let finish = (): void => undefined
  answer(
    new Promise((resolve) => {
      finish = resolve
    }),
  )
  const order: string[] = []
  const slow = call('slow').then(() => order.push('slow'))
  await call('double').then(() => order.push('double'))
  finish()
  await slow
  expect([order, sent.commands]).toEqual([['double', 'slow'], 1])
})

test('a refusal is its own call’s, in words', async () => {
  answer()
  const [good, bad] = await Promise.allSettled([call('double'), call('refuse')])
  expect(good.status).toBe('fulfilled')
  expect(bad).toMatchObject({ reason: { name: 'DISK_FULL', detail: 'no room' } })
  expect(refused).toEqual(['DISK_FULL'])
})

test('what does not fit into one message goes in several, none of them too long', async () => {
  answer()
  const lengths: number[] = []
  far.on('commands', (group: Uint8Array) => void lengths.push(group.length))
  const bytes = Buffer.alloc(100_000, 7)
  const acks = await Promise.all(Array.from({ length: 10 }, () => call('double', {}, bytes)))
  expect(acks.map((ack) => ack.bytes?.length)).toEqual(Array(10).fill(200_000))
  expect(lengths.length).toBeGreaterThanOrEqual(5)
  expect(Math.max(...lengths)).toBeLessThan(300_000)
})

test('every call ends at its own deadline', async () => {
  answer()
  const startedAt = performance.now()
  await expect(call('wait', {}, null, 50)).rejects.toMatchObject({ name: 'DEADLINE_EXCEEDED' })
  expect(performance.now() - startedAt).toBeLessThan(2_000)
  expect(calls.waitingCount).toBe(0)
})

test('when the connection goes every call that waits ends at once, and later ones are not queued', async () => {
  answer()
  const waiting = [call('wait'), call('wait')]
  await vi.waitFor(() => expect(sent.commands).toBe(1))
  far.disconnect()
  for (const one of waiting) await expect(one).rejects.toMatchObject({ name: 'LINK_LOST' })
  await expect(call('double')).rejects.toMatchObject({ name: 'LINK_LOST' })
  expect(calls.waitingCount).toBe(0)
})

test('an ack that is late, comes twice or is nobody’s changes nothing', async () => {
  far.on('commands', (group: Uint8Array) => {
    const ack = encodeGroup([{ head: [idIn(group), null, {}], bytes: null }])
    const stray = encodeGroup([
      { head: [99, null, {}], bytes: null },
      { head: [String(idIn(group)), null, {}], bytes: null },
      { head: null, bytes: null },
    ])
    for (const group of [stray, ack, ack, stray]) far.emit('acks', group)
  })
  expect((await call('double')).result).toEqual({})
  expect(calls.waitingCount).toBe(0)
})

test.each<[string, unknown]>([
  ['text', 'text'],
  ['nothing', undefined],
  ['bytes that are no group', Buffer.from('no group')],
])('acks that are %s end the calls that wait with BAD_ANSWER', async (_, acks) => {
  far.on('commands', () => void far.emit('acks', acks))
  await expect(call('double')).rejects.toMatchObject({ name: 'BAD_ANSWER' })
  expect(calls.waitingCount).toBe(0)
})

test.each<[string, unknown[]]>([
  ['without a result', [null]],
  ['whose result is text', [null, 'text']],
  ['with an error that is none', ['text', {}]],
])('an ack %s is a bad answer', async (_, rest) => {
  far.on('commands', (group: Uint8Array) => {
    far.emit('acks', encodeGroup([{ head: [idIn(group), ...rest], bytes: null }]))
  })
  await expect(call('double')).rejects.toMatchObject({ name: 'BAD_ANSWER' })
})

test('commands that are no group are refused and end nothing else', async () => {
  answer()
  for (const group of ['text', null, Buffer.from('no group'), { length: 5 }]) near.emit('commands', group)
  await vi.waitFor(() => expect(refused).toEqual(Array(4).fill('INVALID_REQUEST')))
  expect((await call('double', { is: 'alive' })).result).toEqual({ argument: { is: 'alive' } })
})
