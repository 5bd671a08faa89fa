import { once } from 'node:events'
import type { Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { STALL_LIMIT_MS } from '@holdfast/shared/node/write-unless-stalled'
import { expect, onTestFinished, test } from 'vitest'
import { testInFull } from '../../../../test/full-run.ts'
import { serve } from '../http-fixture.ts'
import { rawExchange } from '../raw-exchange.ts'

const LIMIT_MS = 200
const head = (method: string, path: string, more = ''): string =>
  `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${more}\r\n`
const LAST = 'Connection: close\r\n'
const UPGRADE = 'Connection: Upgrade\r\nUpgrade: h2c\r\n'

/** The answer to `/large` is more than all buffers on the way hold, and `/slow` takes several times the limit. */
async function serveImpatiently(isOwnUpgrade?: () => boolean): Promise<{ server: Server; port: number }> {
  const { server, port } = await serve((router) => {
    router.get('/large', (ctx) => {
      ctx.body = Buffer.alloc(20 * 1024 * 1024, 'x')
    })
    router.all('/slow', async (ctx) => {
      await delay(4 * LIMIT_MS)
      ctx.body = 'late'
    })
  }, isOwnUpgrade && { isOwnUpgrade })
  server.timeout = LIMIT_MS
  return { server, port }
}

/** Sends the bytes and reads nothing. @returns the server's side of the connection */
async function sendWithoutReading(server: Server, port: number, bytes: string): Promise<Socket> {
  const client = connect({ port, host: '127.0.0.1' })
  onTestFinished(() => void client.destroy())
  const [[connection]] = await Promise.all([once(server, 'connection') as Promise<[Socket]>, client.write(bytes)])
  return connection
}

test.each([
  ['alone', head('GET', '/large')],
  ['with others behind it', head('GET', '/large').repeat(20)],
  ['with an upgrade behind it', head('GET', '/large') + head('GET', '/slow', UPGRADE)],
])('an answer that its client does not take, %s, is given up', async (_, bytes) => {
  const { server, port } = await serveImpatiently()
  const connection = await sendWithoutReading(server, port, bytes)
  let untakenBytes = 0
  connection.prependListener('timeout', () => {
    untakenBytes = connection.writableLength
  })
  await once(connection, 'close')
  expect(untakenBytes).toBeGreaterThan(0)
})

testInFull('a client that is to wait for its answer for longer gets it', async () => {
  const { port } = await serveImpatiently()
  expect(await rawExchange(port, head('GET', '/slow', LAST))).toMatch(/late$/)
  expect(await rawExchange(port, `${head('POST', '/slow', `Content-Length: 5\r\n${LAST}`)}hello`)).toMatch(/late$/)
  expect(
    await rawExchange(port, head('GET', '/slow') + head('GET', '/none', UPGRADE) + head('GET', '/none', LAST)),
  ).toMatch(/late.* 404 .* 404 /s)
})

test('a connection is closed when its pause between two requests is over', async () => {
  const { server, port } = await serveImpatiently()
  server.keepAliveTimeout = LIMIT_MS
  expect(await rawExchange(port, head('GET', '/none'))).toMatch(/ 404 /)
})

test('a connection that was upgraded stays, however quiet it is', async () => {
  const { server, port } = await serveImpatiently(() => true)
  server.on('upgrade', (_request, socket) => {
    socket.on('timeout', () => socket.end('quiet for long, and still there'))
  })
  expect(await rawExchange(port, head('GET', '/own', UPGRADE))).toBe('quiet for long, and still there')
})

test('the limit is that of downloads', async () => {
  const { server } = await serve(() => undefined)
  expect(server.timeout).toBe(STALL_LIMIT_MS)
})
