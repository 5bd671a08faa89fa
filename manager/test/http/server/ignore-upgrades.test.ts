import { once } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { STALL_LIMIT_MS } from '@holdfast/shared/node/write-unless-stalled'
import { expect, test, vi } from 'vitest'
import { expectsContinue } from '../../../src/http/server/expects-continue.ts'
import { serve } from '../http-fixture.ts'
import { rawExchange } from '../raw-exchange.ts'

const HOST = 'Host: 127.0.0.1\r\n'
const OFFER = `${HOST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n`
const LAST = `GET /last HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`

/** Answers every request with its method, target and body. */
function serveEcho(): Promise<{ server: Server; port: number }> {
  return serve((router) => {
    router.all(/.*/, async (ctx) => {
      if (expectsContinue(ctx.req)) ctx.res.writeContinue()
      let body = ''
      for await (const bytes of ctx.req) body += String(bytes)
      const { upgrade = '', x = '' } = ctx.headers
      ctx.body = Buffer.from(`<${ctx.method} ${ctx.url} ${body} ${upgrade}${x}>`, 'latin1')
    })
  })
}

const answersIn = (received: string): string[] => received.match(/<[^>]*>/g) ?? []

test.each<[string, string, string]>([
  ['a GET', `GET /a HTTP/1.1\r\n${OFFER}\r\n`, '<GET /a  >'],
  ['a DELETE', `DELETE /a?b HTTP/1.1\r\n${OFFER}\r\n`, '<DELETE /a?b  >'],
  ['a body of a length', `POST /a HTTP/1.1\r\n${OFFER}Content-Length: 5\r\n\r\nhello`, '<POST /a hello >'],
  [
    'a body in chunks',
    `PUT /a HTTP/1.1\r\n${OFFER}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    '<PUT /a hello >',
  ],
  ['headers that are not ASCII', `GET /a HTTP/1.1\r\n${OFFER}X: \xe4\r\n\r\n`, '<GET /a  \xe4>'],
  ['TLS', `OPTIONS * HTTP/1.1\r\n${HOST}Upgrade: TLS/1.2\r\nConnection: Upgrade\r\n\r\n`, '<OPTIONS *  >'],
  ['a WebSocket', `GET /a HTTP/1.1\r\n${HOST}upgrade: websocket\r\nConnection: upgrade\r\n\r\n`, '<GET /a  >'],
  [
    'several',
    `GET /a HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: x, \x80\r\n\r\n`,
    '<GET /a  >',
  ],
])(
  '%s with an upgrade is answered as without, on a fresh connection and on one that is kept',
  async (_, ask, answer) => {
    const { port } = await serveEcho()
    const last = '<GET /last  >'
    // All requests come at once, because nothing of what stands behind a request may be lost, either.
    expect(answersIn(await rawExchange(port, ask + LAST))).toEqual([answer, last])
    expect(answersIn(await rawExchange(port, ask + ask + ask + LAST))).toEqual([answer, answer, answer, last])
    const before = `GET /first HTTP/1.1\r\n${HOST}\r\n`
    expect(answersIn(await rawExchange(port, before, ask + LAST))).toEqual(['<GET /first  >', answer, last])
    expect(answersIn(await rawExchange(port, before + ask, LAST))).toEqual(['<GET /first  >', answer, last])
  },
)

test('a body that follows its upgrade piece by piece, after 100 Continue, arrives whole', async () => {
  const { port } = await serveEcho()
  const head = `POST /a HTTP/1.1\r\n${OFFER}Expect: 100-continue\r\nConnection: close\r\nContent-Length: 5\r\n\r\n`
  const received = await rawExchange(port, head, 'hello')
  expect(received).toMatch(/^HTTP\/1\.1 100 Continue\r\n/)
  expect(answersIn(received)).toEqual(['<POST /a hello >'])
})

test('an upgrade behind a request whose answer is large and slowly taken is answered after it', async () => {
  const large = Buffer.alloc(20 * 1024 * 1024, 'x')
  const { port } = await serve((router) => {
    router.get('/large', (ctx) => {
      ctx.body = large
    })
    router.get('/a', (ctx) => {
      ctx.body = '<done>'
    })
  })
  const received = await rawExchange(
    port,
    `GET /large HTTP/1.1\r\n${HOST}\r\nGET /a HTTP/1.1\r\n${OFFER}\r\nGET /none HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`,
  )
  expect(received.length).toBeGreaterThan(large.length)
  expect(answersIn(received)).toEqual(['<done>'])
  expect(received).toMatch(/HTTP\/1\.1 404 Not Found\r\n/)
})

test('a request that offered an upgrade may wait for longer than a connection without one is kept', async () => {
  const { server, port } = await serveEcho()
  server.keepAliveTimeout = 30_000
  const socket = connect({ port, host: '127.0.0.1' })
  const received = collect(socket)
  socket.write(`GET /first HTTP/1.1\r\n${HOST}\r\n`)
  await vi.waitFor(() => expect(answersIn(received.text)).toHaveLength(1))
  const [connection] = await Promise.all([
    once(server, 'connection'),
    socket.write(`POST /a HTTP/1.1\r\n${OFFER}Content-Length: 5\r\n\r\nhe`),
  ])
  // The timer that would end a pause between requests must not be that of this one.
  expect((connection[0] as Socket).timeout).toBe(STALL_LIMIT_MS)
  socket.write('llo')
  await vi.waitFor(() => expect(answersIn(received.text)).toEqual(['<GET /first  >', '<POST /a hello >']))
  socket.destroy()
})

test('a client that resets its connection while an upgrade waits for an earlier answer does no harm', async () => {
  let answer = (): void => {}
  const { server, port } = await serve((router) => {
    router.get('/slow', async (ctx) => {
      await new Promise<void>((resolve) => {
        answer = resolve
      })
      ctx.body = 'late'
    })
    router.get('/a', (ctx) => {
      ctx.body = '<done>'
    })
  })
  const socket = connect({ port, host: '127.0.0.1' })
  const upgraded = once(server, 'upgrade') as Promise<[IncomingMessage]>
  socket.write(`GET /slow HTTP/1.1\r\n${HOST}\r\nGET /a HTTP/1.1\r\n${OFFER}\r\n`)
  const [request] = await upgraded
  const closed = new Promise((resolve) => request.socket.once('close', resolve))
  socket.resetAndDestroy()
  await Promise.all([closed, nextTurn().then(() => answer())])
  expect(answersIn(await rawExchange(port, `GET /a HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`))).toEqual(['<done>'])
})

test('an upgrade that another listener serves is left to it', async () => {
  const { server, port } = await serve(() => {}, { isOwnUpgrade: ({ url }) => url === '/own' })
  server.on('upgrade', (_request, socket) => socket.end('mine'))
  expect(await rawExchange(port, `GET /own HTTP/1.1\r\n${OFFER}\r\n`)).toBe('mine')
})

function collect(socket: Socket): { text: string } {
  const received = { text: '' }
  socket.setEncoding('latin1').on('data', (text: string) => {
    received.text += text
  })
  return received
}
