import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { waitUntil } from '../cluster/wait-until.ts'
import { frame, OPCODE } from '../hostile/websocket.ts'
import { ChaosProxy } from './chaos-proxy.ts'
import { WireMessages } from './chaos-proxy-messages.ts'

let target: Server
const accepted: Socket[] = []
let received = Buffer.alloc(0)
beforeEach(async () => {
  received = Buffer.alloc(0)
  accepted.length = 0
  target = createServer((socket) => {
    accepted.push(socket)
    // Connections are cut here on purpose.
    socket.on('error', () => socket.destroy())
    socket.on('data', (bytes) => {
      received = Buffer.concat([received, bytes])
    })
  }).listen(0, '127.0.0.1')
  await once(target, 'listening')
})
afterEach(() => {
  for (const socket of accepted) socket.destroy()
  target.close()
})

const startProxy = () => ChaosProxy.start({ host: '127.0.0.1', port: (target.address() as AddressInfo).port })

async function dial(proxy: ChaosProxy): Promise<Socket> {
  const socket = connect(proxy.port, '127.0.0.1')
  socket.on('error', () => socket.destroy())
  await once(socket, 'connect')
  return socket
}

describe('the chaos proxy', () => {
  test.each([0, 1, 9_999, 70_000])('cuts after exactly %i bytes, however they come', async (limit) => {
    await using proxy = await startProxy()
    const client = await dial(proxy)
    const cut = proxy.cutAfter('toTarget', limit)
    const closed = once(client, 'close')
    for (let sent = 0; sent < 100_000; sent += 10_000) client.write(Buffer.alloc(10_000, 1))
    await Promise.all([cut, closed])
    await waitUntil('the other end is closed too', () => accepted.every((socket) => socket.closed))
    expect(received.length).toBe(limit)
  })

  test('passes on at the rate it was told to', async () => {
    await using proxy = await startProxy()
    proxy.bytesPerSecond = 200_000
    const client = await dial(proxy)
    const startedAt = performance.now()
    client.write(Buffer.alloc(100_000))
    await waitUntil('all of it came', () => received.length === 100_000)
    expect(performance.now() - startedAt).toBeGreaterThan(450)
  })

  test('delays what it passes on, and not more for more of it', async () => {
    await using proxy = await startProxy()
    proxy.delayMs = 300
    const client = await dial(proxy)
    const startedAt = performance.now()
    for (let count = 0; count < 20; count++) client.write(Buffer.alloc(50_000))
    await waitUntil('all of it came', () => received.length === 1_000_000)
    expect(performance.now() - startedAt).toBeGreaterThan(299)
    expect(performance.now() - startedAt).toBeLessThan(20 * 300)
  })

  test('is deaf in one direction while the other one passes, and gives back what it held', async () => {
    await using proxy = await startProxy()
    const client = await dial(proxy)
    await waitUntil('the target has the connection', () => accepted.length === 1)
    proxy.hold('toClient')
    accepted[0]?.write('held')
    client.write('passes')
    await waitUntil('it passed', () => received.toString() === 'passes')
    expect([client.bytesRead, client.destroyed]).toEqual([0, false])
    proxy.release()
    expect((await once(client, 'data')).toString()).toBe('held')
  })
})

describe('a connection of a file-server', () => {
  const command = Buffer.concat([
    frame('451-/file-server,7["upload-file",{"a":1},{"_placeholder":true,"num":0}]', { isMasked: false }),
    frame(Buffer.alloc(70_000, 7), { opcode: OPCODE.binary, isMasked: false }),
  ])
  const stream = Buffer.concat([
    Buffer.from('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n'),
    frame('2', { isMasked: false }),
    command,
    frame('42/file-server,8["delete-file",{}]', { isMasked: false }),
    frame('43/file-server,7[{"ok":true}]', { isMasked: true }),
  ])

  test.each([1, 2, 3, 7, 1_000, 65_536, stream.length])(
    'is cut into whole messages when %i bytes come at a time',
    (step) => {
      const messages = new WireMessages()
      const found = []
      for (let offset = 0; offset < stream.length; offset += step) {
        found.push(...messages.take(stream.subarray(offset, offset + step)))
      }
      expect(found.map((message) => message.event)).toEqual([null, null, 'upload-file', 'delete-file', null])
      expect(found[2]?.bytes.equals(command)).toBe(true)
      expect(found[4]?.text).toBe('43/file-server,7[{"ok":true}]')
      expect(Buffer.concat(found.map((message) => message.bytes)).equals(stream)).toBe(true)
    },
  )
})
