import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { serve } from '../http-fixture.ts'

const HOST = 'Host: 127.0.0.1\r\n'

/** Sends the bytes and ends its side at once, as `nc -N` does. @returns all that comes until the server ends the other side */
function halfClosed(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    let received = ''
    socket.setTimeout(10_000, () => socket.destroy(new Error(`the connection stays open: ${received}`)))
    socket.setEncoding('latin1').on('data', (text: string) => {
      received += text
    })
    socket.on('error', reject).on('end', () => socket.destroy())
    socket.on('close', () => resolve(received))
    socket.end(bytes, 'latin1')
  })
}

const serveSlowly = () =>
  serve((router) => {
    router.all('/slow', async (ctx) => {
      let body = ''
      for await (const bytes of ctx.req) body += String(bytes)
      await delay(50)
      ctx.body = `<${ctx.method} ${body}>`
    })
    router.get('/large', (ctx) => {
      ctx.body = Buffer.alloc(20 * 1024 * 1024)
    })
  })

test.each<[string, string, string[]]>([
  ['a GET', `GET /slow HTTP/1.1\r\n${HOST}\r\n`, ['<GET >']],
  ['an upload', `POST /slow HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`, ['<POST hello>']],
  ['HTTP/1.0', 'GET /slow HTTP/1.0\r\n\r\n', ['<GET >']],
  ['an upgrade', `GET /slow HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n`, ['<GET >']],
  [
    'several requests',
    `GET /slow HTTP/1.1\r\n${HOST}\r\nPOST /slow HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nhiDELETE /slow HTTP/1.1\r\n${HOST}\r\n`,
    ['<GET >', '<POST hi>', '<DELETE >'],
  ],
])('a client that ends its side after %s gets its answer, and the connection ends', async (_, bytes, answers) => {
  const { port } = await serveSlowly()
  expect((await halfClosed(port, bytes)).match(/<[^>]*>/g)).toEqual(answers)
})

test('a client that ends its side gets a large answer to its end', async () => {
  const { port } = await serveSlowly()
  const received = await halfClosed(port, `GET /large HTTP/1.1\r\n${HOST}\r\n`)
  expect(received.length).toBeGreaterThan(20 * 1024 * 1024)
})

test('a client that ends its side within its request is told so', async () => {
  const { port } = await serveSlowly()
  expect(await halfClosed(port, `POST /slow HTTP/1.1\r\n${HOST}Content-Length: 9\r\n\r\nhello`)).toMatch(
    /^HTTP\/1\.1 400 Bad Request\r\n/,
  )
  expect(await halfClosed(port, 'GET /slow HT')).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
})

test('a connection whose client ends its side and asks nothing is closed', async () => {
  const { port } = await serveSlowly()
  expect(await halfClosed(port, '')).toBe('')
})
