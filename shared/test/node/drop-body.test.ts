import { createServer, type IncomingMessage, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { dropBody } from '../../src/node/drop-body.ts'

const MIB = 1024 * 1024
let server: Server

afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

/** Refuses every request before its body is read. */
async function start(): Promise<{ port: number; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = []
  server = createServer((request, response) => {
    requests.push(request)
    response.statusCode = 409
    response.end('refused')
    dropBody(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, requests }
}

/** Makes a client that sends on whatever it hears. */
function client(port: number): { socket: Socket; heard: () => string; ended: Promise<void> } {
  const socket = connect(port, '127.0.0.1')
  let heard = ''
  socket.on('data', (bytes) => {
    heard += bytes.toString()
  })
  socket.on('error', () => undefined) // a client that sends on after the end meets one
  return { socket, heard: () => heard, ended: new Promise((resolve) => socket.on('close', () => resolve())) }
}

const head = (length: number): string => `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`

test('a client that still sends sees its answer, and its connection serves the next request', async () => {
  const { port, requests } = await start()
  const { socket, heard, ended } = client(port)
  socket.write(head(20 * MIB))
  const piece = Buffer.alloc(MIB)
  for (let sent = 0; sent < 20; sent++)
    if (!socket.write(piece)) await new Promise<void>((resolve) => socket.once('drain', resolve))
  socket.write(`GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  await ended
  expect(heard().match(/409 Conflict/g)).toHaveLength(2)
  expect(requests).toHaveLength(2)
})

test('a client that never stops sending is cut off', async () => {
  const { port } = await start()
  const { socket, heard, ended } = client(port)
  socket.write(head(1_000 * MIB))
  const piece = Buffer.alloc(MIB)
  let sentCount = 0
  const send = (): void => {
    while (sentCount < 1_000 && !socket.destroyed && socket.write(piece)) sentCount++
  }
  socket.on('drain', send)
  send()
  await ended
  expect(heard()).toContain('409 Conflict')
  expect(sentCount).toBeLessThan(300)
})

test('a client that announced a body and sends nothing is cut off in seconds', async () => {
  const { port } = await start()
  const { socket, heard, ended } = client(port)
  const startedAt = performance.now()
  socket.write(head(100))
  await ended
  expect(heard()).toContain('409 Conflict')
  expect(performance.now() - startedAt).toBeLessThan(6_000)
})

test('a request that was read to its end is left alone', async () => {
  server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.end('read')
      dropBody(request, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const answers: string[] = []
  for (let count = 0; count < 2; count++) {
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'x'.repeat(1_000) })
    answers.push(await response.text())
  }
  expect(answers).toEqual(['read', 'read'])
})
