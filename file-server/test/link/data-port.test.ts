import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import { StartError } from '@holdfast/shared/node/run-service'
import { DATA_KEY_BYTES } from '@holdfast/shared/wire/data-frame'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { DataConnection } from '../../src/link/data-connection.ts'
import { DataPort } from '../../src/link/data-port.ts'
import { quietLog } from '../store/store-fixture.ts'
import { DataCaller } from './link-fixture.ts'

const MAX_STRANGERS = 100
const KEY_LIFE_MS = 5_000

const callers: DataCaller[] = []
let port: DataPort
let opened: DataConnection[]

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  opened = []
  port = await DataPort.open('127.0.0.1', 0, quietLog)
})

afterEach(() => {
  vi.useRealTimers()
  port.close()
  for (const caller of callers.splice(0)) caller.socket.destroy()
})

const grant = () => port.grant((connection) => opened.push(connection))

function call(said: string | Uint8Array = ''): DataCaller {
  const caller = new DataCaller(port.port, said)
  callers.push(caller)
  return caller
}

/** Opens a connection. Whoever dialled before it is admitted by then, and what was said before it is heard. */
async function meet(ack = grant()): Promise<DataCaller> {
  const caller = await DataCaller.meet(ack)
  callers.push(caller)
  return caller
}

/** @returns what a caller was told before it was hung up on. */
async function lastWords(caller: DataCaller): Promise<Buffer> {
  await caller.closed
  return caller.heard
}

test('a granted key opens one connection, is answered with what was granted, and works once only', async () => {
  const ack = grant()
  expect(ack).toEqual({ host: '127.0.0.1', port: port.port, key: expect.any(String), answer: expect.any(String) })
  const first = await meet(ack)
  expect(first.heard.toString('hex')).toBe(ack.answer)
  expect(opened).toHaveLength(1)
  expect(await lastWords(call(ack.key))).toHaveLength(0)
  expect(opened).toHaveLength(1)
  expect(opened[0]?.isOpen).toBe(true)
  expect(first.socket.destroyed).toBe(false)
})

test('no two grants have the same key or answer, and each opens its own connection', async () => {
  const opens = [vi.fn(), vi.fn()] as const
  const acks = opens.map((onOpen) => port.grant(onOpen))
  const secrets = acks.flatMap(({ key, answer }) => [key, answer])
  expect(new Set(secrets).size).toBe(4)
  for (const secret of secrets) expect(secret).toMatch(/^[0-9a-f]{64}$/)
  await meet(acks[1])
  expect(opens.map((onOpen) => onOpen.mock.calls.length)).toEqual([0, 1])
  await meet(acks[0])
  expect(opens.map((onOpen) => onOpen.mock.calls.length)).toEqual([1, 1])
})

test('a key may come in pieces', async () => {
  const ack = grant()
  const caller = call()
  for (const [start, end] of [
    [0, 2],
    [2, 40],
    [40, 62],
    [62, 64],
  ] as const) {
    await meet()
    expect(caller.heard).toHaveLength(0)
    caller.say(ack.key.slice(start, end))
  }
  expect((await caller.hear(DATA_KEY_BYTES)).toString('hex')).toBe(ack.answer)
})

test.each<[string, (key: string, answer: string) => string | Uint8Array]>([
  ['a key that nobody granted', () => randomBytes(DATA_KEY_BYTES)],
  ['the answer instead of the key', (_, answer) => answer],
  ['the key as text', (key) => Buffer.from(key)],
  ['the key with a byte after it', (key) => `${key}00`],
  ['the key after a byte', (key) => `00${key}`],
  ['the key twice', (key) => key + key],
  ['a lot', () => randomBytes(1024 * 1024)],
  ['another protocol', () => Buffer.from('GET / HTTP/1.1\r\nhost: file-server\r\n\r\n')],
])('whoever says %s is told nothing and hung up on; the key stays good', async (_, said) => {
  const ack = grant()
  expect(await lastWords(call(said(ack.key, ack.answer)))).toHaveLength(0)
  expect(opened).toEqual([])
  await meet(ack)
  expect(opened).toHaveLength(1)
})

test('a key opens nothing after its life', async () => {
  const [late, inTime] = [grant(), grant()]
  vi.advanceTimersByTime(KEY_LIFE_MS - 1)
  await meet(inTime)
  vi.advanceTimersByTime(1)
  expect(await lastWords(call(late.key))).toHaveLength(0)
  expect(opened).toHaveLength(1)
})

test('whoever says no whole key in time is hung up on; who has said it stays', async () => {
  const silent = call()
  const slow = call(grant().key.slice(2))
  const met = await meet()
  vi.advanceTimersByTime(KEY_LIFE_MS - 1)
  const later = call()
  const metLater = await meet()
  expect([silent.socket.destroyed, slow.socket.destroyed]).toEqual([false, false])
  vi.advanceTimersByTime(1)
  expect(await lastWords(silent)).toHaveLength(0)
  expect(await lastWords(slow)).toHaveLength(0)
  vi.advanceTimersByTime(KEY_LIFE_MS - 2)
  await meet()
  expect(later.socket.destroyed).toBe(false)
  vi.advanceTimersByTime(1)
  expect(await lastWords(later)).toHaveLength(0)
  expect([met, metLater].map(({ socket }) => socket.destroyed)).toEqual([false, false])
  expect(opened.map((connection) => connection.isOpen)).toEqual([true, true, true])
})

test('strangers are bounded, and admitted again as soon as one is known or gone', async () => {
  const known = await meet()
  const strangers = Array.from({ length: MAX_STRANGERS }, () => call())
  await Promise.all(strangers.map(({ socket }) => once(socket, 'connect')))
  const acks = [grant(), grant(), grant()]
  expect(await lastWords(call(acks[0]?.key))).toHaveLength(0)
  expect(opened).toHaveLength(1)

  // One of them is known: another is admitted, and no third one.
  strangers[0]?.say(acks[1]?.key ?? '')
  await strangers[0]?.hear(DATA_KEY_BYTES)
  strangers.push(call())
  expect(await lastWords(call(acks[0]?.key))).toHaveLength(0)

  // One is hung up on, for what it said.
  strangers[1]?.say(randomBytes(DATA_KEY_BYTES))
  await strangers[1]?.closed
  await meet(acks[0])

  // One goes by itself.
  strangers.push(call())
  expect(await lastWords(call(acks[2]?.key))).toHaveLength(0)
  strangers[2]?.socket.destroy()
  await vi.waitFor(async () => {
    const caller = call(acks[2]?.key)
    await Promise.race([caller.hear(DATA_KEY_BYTES), caller.closed])
    expect(caller.heard).toHaveLength(DATA_KEY_BYTES)
  })
  expect(strangers.filter(({ socket }) => socket.destroyed)).toHaveLength(2)
  expect(known.socket.destroyed).toBe(false)
})

test('a port in use is a StartError that names the settings', async () => {
  const second = DataPort.open('127.0.0.1', port.port, quietLog)
  await expect(second).rejects.toThrow(StartError)
  await expect(second).rejects.toThrow(`DATA_HOST 127.0.0.1, DATA_PORT ${port.port}: EADDRINUSE`)
})

test('an address of another machine is a StartError that names the settings', async () => {
  const opening = DataPort.open('203.0.113.1', 0, quietLog)
  await expect(opening).rejects.toThrow(StartError)
  await expect(opening).rejects.toThrow('DATA_HOST 203.0.113.1, DATA_PORT 0: EADDRNOTAVAIL')
})

test('close ends every connection and every grant, and leaves no timer', async () => {
  const stranger = call()
  const slow = call('00')
  const known = await meet()
  grant()
  expect(vi.getTimerCount()).toBe(3)
  port.close()
  await Promise.all([stranger, slow, known].map(({ closed }) => closed))
  expect(vi.getTimerCount()).toBe(0)
  expect(opened[0]?.isOpen).toBe(false)
  const [error] = await once(call().socket, 'error')
  expect(error).toMatchObject({ code: 'ECONNREFUSED' })
})

/** A machine may have no IPv6: then it is a StartError there. */
const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'))

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['127.0.0.2', '127.0.0.2'],
  ['0.0.0.0', '0.0.0.0'],
  ['::1', hasIpv6 ? '::1' : 'StartError'],
  ['::', hasIpv6 ? '::' : 'StartError'],
])('of a port on %s it is told where it listens', async (host, expected) => {
  const told = await DataPort.open(host, 0, quietLog).then(
    (other) => {
      const ack = other.grant(() => undefined)
      other.close()
      expect(ack.port).toBe(other.port)
      return ack.host
    },
    (error: unknown) => error instanceof StartError && 'StartError',
  )
  expect(told).toBe(expected)
})

test('the keys that are out at one time are bounded', () => {
  for (let count = 0; count < 256; count++) port.grant(() => undefined)
  expect(() => port.grant(() => undefined)).toThrow(expect.objectContaining({ name: 'OVERLOADED' }))
})
