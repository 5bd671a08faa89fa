import { once } from 'node:events'
import { connect } from 'node:net'
import { promisify } from 'node:util'
import { expect, test, vi } from 'vitest'
import { refusalOf } from '../../../src/http/server/refuse-connection.ts'
import { serve } from '../http-fixture.ts'
import { rawExchange } from '../raw-exchange.ts'

const HEAD = 'HTTP/1.1\r\nHost: 127.0.0.1\r\n'

function bodyOf(answer: string): unknown {
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))
}

test('what is not HTTP is told so in an error body, and the connection ends', async () => {
  const { port } = await serve(() => {})
  const answer = await rawExchange(port, 'nonsense\r\n\r\n')
  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
  expect(bodyOf(answer)).toMatchObject({ code: 5, error: 'INVALID_REQUEST', message: 'Invalid request' })
  expect(bodyOf(answer)).toMatchObject({ detail: 'this is not HTTP/1.1: Invalid method encountered' })
})

test('headers over the limit get a 431', async () => {
  const { port } = await serve(() => {})
  const answer = await rawExchange(port, `GET / ${HEAD}X: ${'x'.repeat(20_000)}\r\n\r\n`)
  expect(answer).toMatch(/^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/)
  expect(bodyOf(answer)).toMatchObject({ code: 5, detail: 'the target and the headers are too long' })
})

test('headers that come too late are a 408', () => {
  expect(refusalOf(Object.assign(new Error(), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }))).toEqual({
    status: 408,
    error: 'REQUEST_TIMEOUT',
  })
})

test('a body that breaks HTTP gets the answer of its own request', async () => {
  const { port } = await serve((router) => router.post('/a', () => new Promise(() => {})))
  const answer = await rawExchange(port, `POST /a ${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n`)
  expect(answer).toMatch(/^HTTP\/1\.1 400 /)
})

test('nonsense behind a request does not get into the answer that is on its way, and ends none', async () => {
  const { server, port } = await serve((router) =>
    router.get('/a', (ctx) => {
      ctx.respond = false
      ctx.res.writeHead(200, { 'Content-Length': 17 })
      ctx.res.write('the beginning')
      server.once('clientError', () => setImmediate(() => ctx.res.end('-end')))
    }),
  )
  const answers = await rawExchange(port, `GET /a ${HEAD}\r\n`, 'nonsense\r\n\r\n')
  expect(answers).toMatch(/^HTTP\/1\.1 200 OK\r\n.*the beginning-endHTTP\/1\.1 400 /s)
})

// The last row is a body whose length was not announced.
test.each(['nonsense\r\n\r\n', 'CONNECT host:443 HTTP/1.1\r\nHost: host\r\n\r\n', '{"filename":"a"}'])(
  'behind a request whose answer is due, %j is refused after that answer',
  async (behind) => {
    const { server, port } = await serve((router) =>
      router.post('/a', async (ctx) => {
        await Promise.race([once(server, 'clientError'), once(server, 'connect')])
        ctx.body = 'done'
      }),
    )
    const answers = await rawExchange(port, `POST /a ${HEAD}\r\n${behind}`)
    expect(answers).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\ndoneHTTP\/1\.1 40[05] /s)
    expect(answers.match(/HTTP\/1\.1 \d/g)).toHaveLength(2)
  },
)

test('CONNECT is told that this is no proxy', async () => {
  const { port } = await serve(() => {})
  const answer = await rawExchange(port, `CONNECT host:443 ${HEAD}\r\n`)
  expect(answer).toMatch(/^HTTP\/1\.1 405 /)
  expect(bodyOf(answer)).toMatchObject({ code: 20, detail: 'the manager is no proxy' })
})

test('a refused client that does not hang up is let go all the same', async () => {
  const { server, port } = await serve(() => {})
  const clients = Array.from({ length: 50 }, () => connect({ port, host: '127.0.0.1', allowHalfOpen: true }))
  try {
    // A reset of the connection is the outcome to be hoped for here, so its error says nothing.
    for (const client of clients) client.on('error', () => client.destroy())
    const countConnections = promisify(server.getConnections.bind(server))
    await vi.waitFor(async () => expect(await countConnections()).toBe(50))
    for (const client of clients) client.write('nonsense\r\n\r\n')
    await vi.waitFor(async () => expect(await countConnections()).toBe(0))
  } finally {
    for (const client of clients) client.destroy()
  }
})
