import { createLogger } from '@holdfast/shared/node/logger'
import Router from '@koa/router'
import { expect, onTestFinished, test } from 'vitest'
import type { RequestState } from '../../../src/http/request-context.ts'
import { BareRouter } from '../../../src/http/server/bare-router.ts'
import { createHttpServer } from '../../../src/http/server/http-server.ts'
import { rawExchange } from '../raw-exchange.ts'

/** Starts a server with a bare route. @returns what it answers to a head with the line "Connection: close" added */
async function start() {
  const targets: string[] = []
  let failures = 0
  const bare = new BareRouter()
  bare.getBare('/bare', async ({ url = '' }) => {
    targets.push(url)
    if (url.includes('broken')) throw new Error(`number ${++failures}`)
    return 'caf\xe9'
  })
  const other = new Router<RequestState>()
  other.post('/other', (ctx) => {
    ctx.body = 'other'
  })
  const server = createHttpServer({
    routers: [bare, other],
    ...{ host: '127.0.0.1', publicUrl: null, publicHosts: [], keepAliveMs: 1_000, isOwnUpgrade: () => false },
    log: createLogger('test', 'silent'),
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const ask = (head: string) => rawExchange(port, `${head}\r\nConnection: close\r\n\r\n`)
  return { ask, targets, countFailures: () => failures }
}

const HOST = 'Host: 127.0.0.1'
/** What differs from one answer to the next is left out. */
const headersOf = (answer: string) =>
  answer
    .split('\r\n\r\n')[0]
    ?.split('\r\n')
    .map((line) => line.replace(/^(Date|X-Request-Id): .*/, '$1'))
    .sort()

test('a bare route is answered with the same headers and bytes whichever way it is asked for', async () => {
  const { ask, targets } = await start()
  const answers = [
    await ask(`GET /bare?a HTTP/1.1\r\n${HOST}`),
    await ask(`GET http://127.0.0.1/bare?a HTTP/1.1\r\n${HOST}`),
    await ask(`GET /bare/?a HTTP/1.1\r\n${HOST}`),
  ]
  for (const answer of answers) {
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(answer).toMatch(/X-Request-Id: [0-9a-f]{16}\r\n/)
    expect(answer.endsWith('\r\n\r\ncaf\xe9')).toBe(true)
    expect(headersOf(answer)).toEqual(headersOf(answers[0] ?? ''))
  }
  expect(targets).toEqual(['/bare?a', '/bare?a', '/bare/?a'])
  const head = await ask(`HEAD /bare HTTP/1.1\r\n${HOST}`)
  expect(headersOf(head)).toEqual(headersOf(answers[0] ?? ''))
  expect(head.endsWith('\r\n\r\n')).toBe(true)
})

test('its guards are those of every route', async () => {
  const { ask, targets } = await start()
  for (const [head, status, code] of [
    ['GET /bare HTTP/1.1', 400, 'INVALID_REQUEST'],
    ['GET /bare HTTP/1.1\r\nHost: rebound.example', 403, 'FORBIDDEN'],
    [`GET /bare?#x HTTP/1.1\r\n${HOST}`, 400, 'INVALID_REQUEST'],
    [`POST /bare HTTP/1.1\r\n${HOST}`, 405, 'METHOD_NOT_ALLOWED'],
    [`GET /bare/other HTTP/1.1\r\n${HOST}`, 404, 'ROUTE_NOT_FOUND'],
  ] as const) {
    const answer = await ask(head)
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    const { error, requestId } = JSON.parse(answer.slice(answer.indexOf('{')))
    expect(error).toBe(code)
    expect(answer).toContain(`X-Request-Id: ${requestId}\r\n`)
  }
  expect(targets).toEqual([])
  expect(await ask(`GET /bare HTTP/1.1\r\n${HOST}\r\nX-Request-Id: mine`)).toContain('X-Request-Id: mine\r\n')
  expect(await ask('GET /bare HTTP/1.0')).toMatch(/^HTTP\/1\.1 200 /)
})

test('what fails is told as of every route', async () => {
  const { ask, countFailures } = await start()
  const answer = await ask(`GET /bare?broken HTTP/1.1\r\n${HOST}`)
  expect(answer).toMatch(/^HTTP\/1\.1 500 /)
  expect(answer).not.toContain('number')
  expect(countFailures()).toBe(2)
})
