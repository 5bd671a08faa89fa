import { bodyDigest, issueTicket, MANAGER_TICKET } from '@holdfast/shared/node/ticket'
import { describe, expect, test } from 'vitest'
import { type OperatorDeps, operatorGuard } from '../../src/http/operator.ts'
import { serve } from './http-fixture.ts'
import { rawExchange } from './raw-exchange.ts'

const clusterSecret = 'the secret of the cluster'
const settings: OperatorDeps = { host: '127.0.0.1', publicUrl: null, publicHosts: [], clusterSecret }
const HOST = 'Host: 127.0.0.1\r\n'

/** @returns how the guard answers a request with these headers to a manager of these settings */
async function ask(options: Partial<OperatorDeps>, headers: string, target = 'POST /job/7?all=1'): Promise<string> {
  const requireOperator = operatorGuard({ ...settings, ...options })
  const { port } = await serve((router) => {
    router.all('/job/:id', (ctx) => {
      requireOperator(ctx, ctx.method === 'POST' ? bodyDigest('the body') : undefined)
      ctx.body = 'done'
    })
  }, options)
  return rawExchange(port, `${target} HTTP/1.1\r\n${headers}Connection: close\r\n\r\n`)
}

const now = () => Math.floor(Date.now() / 1000)
const ticketFor = (request: { method?: string; path?: string; body?: string; server?: string }, seconds = 60) =>
  issueTicket(
    clusterSecret,
    {
      method: request.method ?? 'POST',
      path: request.path ?? '/job/7?all=1',
      bodySha256: bodyDigest(request.body ?? 'the body'),
      server: request.server ?? MANAGER_TICKET,
    },
    now() + seconds,
  )
const bearer = (ticket: string) => `Authorization: Bearer ${ticket}\r\n`

describe('without a ticket', () => {
  test.each([HOST, 'Host: localhost:8000\r\n', 'Host: [::1]\r\n', 'Host: store.localhost\r\n'])(
    'an operator passes on the machine of a manager that nothing else reaches, with %j',
    async (headers) => {
      for (const host of ['127.0.0.1', '::1', 'localhost'])
        expect(await ask({ host }, headers)).toMatch(/^HTTP\/1\.1 200 /)
    },
  )

  test.each<[string, Partial<OperatorDeps>]>([
    ['HOST is not loopback', { host: '0.0.0.0' }],
    ['HOST is an address of the network', { host: '192.0.2.1' }],
    ['MANAGER_URL is set', { publicUrl: 'http://127.0.0.1:8000' }],
    ['PUBLIC_HOSTS is set', { publicHosts: ['files.example'] }],
  ])('nobody passes where %s', async (_, options) => {
    const answer = await ask(options, HOST)
    expect(answer).toMatch(/^HTTP\/1\.1 401 Unauthorized\r\n/)
    expect(answer).toMatch(/\r\nWWW-Authenticate: Bearer\r\n/i)
    expect(answer).toContain('"code":9,"error":"UNAUTHORIZED"')
    expect(answer).toContain('holdfast ticket')
  })

  test.each([
    'Host: 203.0.113.7\r\n',
    'Host: 10.0.0.1:8000\r\n',
    `${HOST}X-Forwarded-For: 203.0.113.7\r\n`,
    `${HOST}X-Forwarded-Host: files.example\r\n`,
    `${HOST}X-Real-IP: 203.0.113.7\r\n`,
    `${HOST}Forwarded: for=203.0.113.7\r\n`,
    `${HOST}Via: 1.1 proxy\r\n`,
  ])('nobody passes whose request came by a proxy that settings do not name, as %j tells', async (headers) => {
    expect(await ask({}, headers)).toMatch(/^HTTP\/1\.1 401 /)
  })
})

describe('with a ticket', () => {
  const open = { host: '0.0.0.0', publicHosts: ['files.example'] }
  const Host = 'Host: files.example\r\n'

  test('an operator passes, again and again', async () => {
    const header = Host + bearer(ticketFor({}))
    for (let time = 0; time < 3; time++) expect(await ask(open, header)).toMatch(/^HTTP\/1\.1 200 /)
    expect(await ask(open, Host + bearer(ticketFor({})).replace('Bearer', 'bEARER'))).toMatch(/^HTTP\/1\.1 200 /)
  })

  test('a request without a body needs one for none', async () => {
    const ticket = ticketFor({ method: 'GET', path: '/job/a%2Fb', body: '' })
    expect(await ask(open, Host + bearer(ticket), 'GET /job/a%2Fb')).toMatch(/^HTTP\/1\.1 200 /)
    expect(await ask(open, Host + bearer(ticket), 'GET /job/a%2fb')).toMatch(/^HTTP\/1\.1 401 /)
    expect(await ask(open, Host + bearer(ticket), 'GET http://files.example/job/a%2Fb')).toMatch(/^HTTP\/1\.1 200 /)
  })

  test.each<[string, string]>([
    ['another method', ticketFor({ method: 'PUT' })],
    ['another path', ticketFor({ path: '/job/8?all=1' })],
    ['another query', ticketFor({ path: '/job/7?all=0' })],
    ['no query', ticketFor({ path: '/job/7' })],
    ['another body', ticketFor({ body: 'the body.' })],
    ['a file-server', ticketFor({ server: '0123456789abcdef' })],
    [
      'another cluster',
      issueTicket(
        'another secret',
        { method: 'POST', path: '/job/7?all=1', bodySha256: bodyDigest('the body'), server: MANAGER_TICKET },
        now() + 60,
      ),
    ],
  ])('for %s nobody passes', async (_, ticket) => {
    const answer = await ask(open, Host + bearer(ticket))
    expect(answer).toMatch(/^HTTP\/1\.1 401 .*another request/s)
    expect(answer).not.toContain(ticket)
  })

  test('that has expired nobody passes, but clocks may differ by five minutes', async () => {
    expect(await ask(open, Host + bearer(ticketFor({}, -290)))).toMatch(/^HTTP\/1\.1 200 /)
    expect(await ask(open, Host + bearer(ticketFor({}, -302)))).toMatch(/^HTTP\/1\.1 401 .*expired/s)
  })

  test.each(['Basic dXNlcjpwYXNz', 'Bearer', `Bearer ${clusterSecret.replaceAll(' ', '-')}`, 'Bearer v1.0.x'])(
    'that is none, such as %j, nobody passes',
    async (value) => {
      expect(await ask(open, `${Host}Authorization: ${value}\r\n`)).toMatch(/^HTTP\/1\.1 401 /)
    },
  )
})
