import type { Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import type { DataLink } from '../../../src/chunks/reading/data-link.ts'
import { ended, MemorySink, opens, readToHere, useDataLinks } from './data-link-fixture.ts'
import { type DataPortScript, frameOf, type ScriptedDataPort } from './scripted-data-port.ts'

const { openPort, linkTo, openLink } = useDataLinks()

/** Time stands still until the test moves it on. */
function stopClock(): { pass: (ms: number) => void } {
  let now = performance.now()
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  return {
    pass: (ms) => {
      now += ms
    },
  }
}

/** Also after an error. */
const closeOf = (socket: Socket): Promise<unknown> => new Promise((resolve) => socket.once('close', resolve))

test('is not open at first, dials in the background once, and is open soon', async () => {
  const port = await openPort()
  const { link, askForPort } = linkTo(async () => port.ack())
  expect([link.isOpen(), link.isOpen()]).toEqual([false, false])
  await opens(link)
  expect([askForPort.mock.calls.length, port.dialCount]).toEqual([1, 1])
})

test.each<[string, (port: ScriptedDataPort, link: DataLink) => unknown]>([
  ['ends', (port) => port.hangUp()],
  ['breaks', (port) => [...port.open].map((socket) => socket.resetAndDestroy())],
  ['is dropped', (_, link) => link.drop()],
])('a connection that %s fails what was expected of it, and is dialled again after 30 s', async (_, end) => {
  const { port, link, askForPort } = await openLink()
  const clock = stopClock()
  const [begun, waiting, forgotten] = [3, 3, 3].map((size) => new MemorySink(link, size)) as [
    MemorySink,
    MemorySink,
    MemorySink,
  ]
  link.forget(forgotten.streamId)
  await port.send(frameOf(begun.streamId, Buffer.from('abc'), false).subarray(0, 17))
  await vi.waitFor(() => expect(begun.filledBytes).toBe(1))
  end(port, link)
  await ended(begun, waiting)
  expect([begun, waiting, forgotten].map(({ ends }) => ends)).toEqual([['LINK_LOST'], ['LINK_LOST'], []])
  clock.pass(29_999)
  expect([link.isOpen(), askForPort.mock.calls.length]).toEqual([false, 1])
  clock.pass(1)
  expect([link.isOpen(), askForPort.mock.calls.length]).toEqual([false, 2])
  await opens(link)
  await readToHere(port, link)
  expect(port.dialCount).toBe(2)
})

type Ask = (port: ScriptedDataPort) => Promise<Record<string, unknown>>

test.each<[string, Ask, string, number]>([
  ['has none', async () => ({ port: null }), '127.0.0.1', 0],
  ['cannot be asked', () => Promise.reject(new Error('no ack')), '127.0.0.1', 0],
  ['is on another machine and listens on loopback', async (port) => port.ack(), '192.0.2.7', 0],
  ['names no port', async (port) => port.ack({ port: undefined }), '127.0.0.1', 0],
  ['names port 0', async (port) => port.ack({ port: 0 }), '127.0.0.1', 0],
  ['names a port by text', async (port) => port.ack({ port: `${port.port}` }), '127.0.0.1', 0],
  ['gives a short key', async (port) => port.ack({ key: 'ab' }), '127.0.0.1', 0],
  ['gives a key that is no hex', async (port) => port.ack({ key: 'x'.repeat(64) }), '127.0.0.1', 0],
  ['gives no answer', async (port) => port.ack({ answer: null }), '127.0.0.1', 0],
  ['refuses the key', async (port) => port.ack({ key: '0'.repeat(64) }), '127.0.0.1', 1],
  ['says another answer than was told', async (port) => port.ack({ answer: '0'.repeat(64) }), '127.0.0.1', 1],
])('where a file-server %s, nothing is open, and it is tried again after 30 s', async (_, ask, address, dialCount) => {
  const port = await openPort()
  const clock = stopClock()
  const { link, askForPort } = linkTo(() => ask(port), address)
  expect(link.isOpen()).toBe(false)
  await turn()
  await vi.waitFor(() => expect([port.dialCount, port.open.size]).toEqual([dialCount, 0]))
  clock.pass(29_999)
  expect([link.isOpen(), askForPort.mock.calls.length]).toEqual([false, 1])
  await vi.waitFor(() => {
    clock.pass(30_000)
    expect([link.isOpen(), askForPort.mock.calls.length]).toEqual([false, 2])
  })
})

test('a port where nobody listens is tried again after 30 s', async () => {
  const port = await openPort()
  let ack = port.ack()
  await port.close()
  const clock = stopClock()
  const { link, askForPort } = linkTo(async () => ack)
  expect(link.isOpen()).toBe(false)
  const other = await openPort()
  ack = other.ack()
  // Until it has been refused there is one attempt, and after that none for the pause.
  clock.pass(30_000)
  await vi.waitFor(() => expect([link.isOpen(), other.dialCount]).toEqual([false, 0]))
  await vi.waitFor(() => {
    clock.pass(30_000)
    expect(link.isOpen()).toBe(true)
  })
  expect([askForPort.mock.calls.length, other.dialCount]).toEqual([2, 1])
})

test.each<[string, DataPortScript]>([
  ['nothing', () => null],
  ['a part of the answer', (answer) => answer.subarray(0, 31)],
])('a port that accepts and says %s is given up after 2 s', async (_, script) => {
  const port = await openPort(script)
  const clock = stopClock()
  const { link, askForPort } = linkTo(async () => port.ack())
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const met = port.next()
  expect(link.isOpen()).toBe(false)
  const socket = await met
  const closed = closeOf(socket)
  vi.advanceTimersByTime(1_999)
  await turn()
  expect([link.isOpen(), port.open.size]).toEqual([false, 1])
  vi.advanceTimersByTime(1)
  await closed
  await turn()
  clock.pass(29_999)
  expect([link.isOpen(), askForPort.mock.calls.length, port.dialCount]).toEqual([false, 1, 1])
  clock.pass(1)
  expect([link.isOpen(), askForPort.mock.calls.length]).toEqual([false, 2])
})

test('closed while it waits for the answer, it leaves nothing open', async () => {
  const port = await openPort(() => null)
  const { link, askForPort } = linkTo(async () => port.ack())
  const met = port.next()
  link.isOpen()
  const closed = closeOf(await met)
  link.close()
  await port.send(port.answer)
  await closed
  expect([link.isOpen(), port.open.size, askForPort.mock.calls.length]).toEqual([false, 0, 1])
})

test('closed while it asks for the port, it leaves nothing open', async () => {
  const port = await openPort()
  let tell: (ack: Record<string, unknown>) => void = () => undefined
  const { link, askForPort } = linkTo(
    () =>
      new Promise((resolve) => {
        tell = resolve
      }),
  )
  link.isOpen()
  link.close()
  tell(port.ack())
  const startedAt = performance.now()
  await vi.waitFor(() => expect([port.dialCount > 0, port.open.size]).toEqual([true, 0]), 5_000)
  expect(performance.now() - startedAt).toBeLessThan(1_900)
  expect([link.isOpen(), askForPort.mock.calls.length]).toEqual([false, 1])
})

test('closed when it is open, it fails what was expected and is not dialled again', async () => {
  const { port, link, askForPort } = await openLink()
  const clock = stopClock()
  const sink = new MemorySink(link, 10)
  link.close()
  await ended(sink)
  clock.pass(60_000)
  expect([sink.ends, link.isOpen(), askForPort.mock.calls.length]).toEqual([['LINK_LOST'], false, 1])
  await vi.waitFor(() => expect(port.open.size).toBe(0))
})
