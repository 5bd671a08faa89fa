import { connect } from 'node:net'
import { promisify } from 'node:util'
import { expect, test, vi } from 'vitest'
import { refusalOf } from '../../src/http/refuse-connection.ts'
import { serve } from './http-fixture.ts'
import { rawExchange } from './raw-exchange.ts'

const HEAD = 'HTTP/1.1\r\nHost: 127.0.0.1\r\n'

function bodyOf(answer: string): unknown {
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))
}

test('what is not HTTP is told so in an error body, and the connection ends', async () => {
  const { port } = await serve(() => {})
  const answer = await rawExchange(port, 'nonsense\r\n\r\n')
  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
  expect(bodyOf(answer)).toMatchObject({ code: 5, error: 'INVALID_REQUEST', message: 'Invalid request' })
})

test('headers over the limit get a 431', async () => {
  const { port } = await serve(() => {})
  const answer = await rawExchange(port, `GET / ${HEAD}X: ${'x'.repeat(20_000)}\r\n\r\n`)
  expect(answer).toMatch(/^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/)
})

test('headers that come too late are a 408', () => {
  expect(refusalOf('ERR_HTTP_REQUEST_TIMEOUT')).toEqual({ status: 408, error: 'REQUEST_TIMEOUT' })
})

test('a body that breaks HTTP gets the answer of its own request', async () => {
  const { port } = await serve((router) => router.post('/a', () => new Promise(() => {})))
  const answer = await rawExchange(port, `POST /a ${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n`)
  expect(answer).toMatch(/^HTTP\/1\.1 400 /)
})

test('nonsense behind a request does not get into the answer that is on its way', async () => {
  const { port } = await serve((router) =>
    router.get('/a', (ctx) => {
      ctx.respond = false
      ctx.res.writeHead(200, { 'Content-Length': 1_000 })
      ctx.res.write('the beginning')
    }),
  )
  const answer = await rawExchange(port, `GET /a ${HEAD}\r\n`, 'nonsense\r\n\r\n')
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
  expect(answer).not.toContain('HTTP/1.1 400')
})

test('nonsense behind a request is not taken for the answer that is still due', async () => {
  const { port } = await serve((router) => router.delete('/a', () => new Promise(() => {})))
  expect(await rawExchange(port, `DELETE /a ${HEAD}\r\nnonsense\r\n\r\n`)).toBe('')
})

test('a refused client that does not hang up is let go all the same', async () => {
  const { server, port } = await serve(() => {})
  const clients = Array.from({ length: 50 }, () => connect({ port, host: '127.0.0.1', allowHalfOpen: true }))
  try {
    // A reset of the connection is the outcome to be hoped for here, so its error says nothing.
    for (const client of clients) client.on('error', () => client.destroy()).write('nonsense\r\n\r\n')
    const countConnections = promisify(server.getConnections.bind(server))
    await vi.waitFor(async () => expect(await countConnections()).toBe(50), 5_000)
    await vi.waitFor(async () => expect(await countConnections()).toBe(0), 5_000)
  } finally {
    for (const client of clients) client.destroy()
  }
})
