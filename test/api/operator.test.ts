import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { request as ask, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { TestCluster } from '../cluster/test-cluster.ts'
import { waitUntil } from '../cluster/wait-until.ts'
import { testInFull } from '../full-run.ts'

const run = promisify(execFile)
const holdfast = fileURLToPath(new URL('../../client/bundle/cli/main.js', import.meta.url))
const NAME = 'files.example.test'

interface Exchange {
  readonly method?: string
  readonly path?: string
  readonly body?: string
  readonly host?: string
  readonly headers?: Record<string, string>
}

async function exchange(url: string, { method = 'POST', path = '/ping', body = '', ...options }: Exchange) {
  const { hostname, port, host } = new URL(url)
  const headers = { host: options.host ?? host, ...options.headers }
  const asked = ask({ host: hostname, port, path, method, headers, agent: false, timeout: 20_000 }).end(body)
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  return { status: response.statusCode, headers: response.headers, body: JSON.parse(await text(response)) }
}

/** Prints a ticket as an operator would. */
async function ticketFor(secret: string, method: string, path: string, body: string): Promise<string> {
  const printed = run(process.execPath, [holdfast, 'ticket', method, path, '--body', '-'], {
    env: { ...process.env, CLUSTER_SECRET: secret },
  })
  printed.child.stdin?.end(body)
  return (await printed).stdout.trim()
}

describe('a manager that is known beyond its machine', () => {
  let cluster: TestCluster
  let id: string
  beforeAll(async () => {
    const managerEnvironment = {
      ...{ HOST: '0.0.0.0', ALLOW_ANONYMOUS: 'true', PUBLIC_HOSTS: NAME, LOG_LEVEL: 'trace' },
      ...{ MANAGER_WORKERS: '2', MANAGER_WORKER_HOST: 'localhost' },
    }
    cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 1, managerEnvironment })
    await waitUntil('both workers have the file-server', async () => {
      const asked = Array.from({ length: 8 }, () => exchange(url(), { method: 'GET', path: '/active-nodes' }))
      const lists = (await Promise.all(asked)).map((answer) => answer.body as { id: string }[])
      id = lists[0]?.[0]?.id ?? ''
      return lists.every((list) => list.length === 1)
    })
  })
  afterAll(() => cluster?.[Symbol.asyncDispose]())

  const url = () => cluster.url.replace('0.0.0.0', '127.0.0.1')

  test('answers to its names and to addresses, and to no other name, /ready among the rest', async () => {
    for (const path of ['/health', '/ready', '/active-nodes']) {
      for (const host of [NAME, `${NAME}:8443`, '127.0.0.1', '203.0.113.7', 'localhost'])
        expect((await exchange(url(), { method: 'GET', path, host })).status).toBe(200)
      const other = await exchange(url(), { method: 'GET', path, host: 'other.example' })
      expect([other.status, other.body.error]).toEqual([403, 'FORBIDDEN'])
      expect(other.body.detail).toContain('PUBLIC_HOSTS')
    }
  })

  test('lets a file-server dial it by whatever name, for that proves itself, but no page', async () => {
    const { hostname, port } = new URL(url())
    const upgrade = { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' }
    const dial = async (headers: Record<string, string>): Promise<number | undefined> => {
      const all = { ...upgrade, 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==', host: 'manager:8000', ...headers }
      const asked = ask({ hostname, port, path: '/socket.io/?EIO=4&transport=websocket', headers: all, agent: false })
      const answered = Promise.race([once(asked, 'upgrade'), once(asked, 'response')])
      asked.end()
      const [response] = (await answered) as [IncomingMessage]
      response.socket.destroy()
      return response.statusCode
    }
    expect(await dial({})).toBe(101)
    expect(await dial({ origin: 'http://manager:8000' })).toBeGreaterThanOrEqual(400)
  })

  test('takes a ping with a ticket that `holdfast ticket` printed, and no other', async () => {
    const body = JSON.stringify({ id })
    const without = await exchange(url(), { body })
    expect([without.status, without.body.code, without.headers['www-authenticate']]).toEqual([401, 9, 'Bearer'])
    const authorization = `Bearer ${await ticketFor(cluster.secret, 'POST', '/ping', body)}`
    for (const host of [NAME, '127.0.0.1']) {
      const pinged = await exchange(url(), { body, host, headers: { authorization } })
      expect(pinged).toMatchObject({ status: 200, body: { id } })
      expect(Math.abs(Date.now() - Date.parse(pinged.body.lastPingAt))).toBeLessThan(5_000)
    }
    expect((await exchange(url(), { body: `${body} `, headers: { authorization } })).status).toBe(401)
    expect((await exchange(url(), { body, path: '/ping?x', headers: { authorization } })).status).toBe(401)
    const forged = `Bearer ${await ticketFor('another secret of a cluster', 'POST', '/ping', body)}`
    expect((await exchange(url(), { body, headers: { authorization: forged } })).status).toBe(401)
  })

  test('pulls torrents in for who has the secret alone, and from public addresses alone', async () => {
    const link = `magnet:?xt=urn:btih:${'ab'.repeat(20)}&tr=${encodeURIComponent('http://127.0.0.1:1/announce')}`
    const body = JSON.stringify({ magnet: link })
    expect((await exchange(url(), { path: '/files/from-torrent', body })).status).toBe(401)
    const env = { ...process.env, CLUSTER_SECRET: cluster.secret }
    const typed = run(process.execPath, [holdfast, '--manager', url(), 'from-torrent', link], { env })
    const stderr = expect.stringContaining('which TORRENT_PRIVATE_NETWORKS=true allows')
    await expect(typed).rejects.toMatchObject({ code: 1, stderr })
  })

  test('waits with `100 Continue` as it does for files', async () => {
    const body = JSON.stringify({ id })
    const authorization = `Bearer ${await ticketFor(cluster.secret, 'POST', '/ping', body)}`
    const headers = { authorization, expect: '100-continue' }
    expect((await exchange(url(), { body, headers })).status).toBe(200)
  })

  test('writes no ticket and no secret into its log', async () => {
    const body = JSON.stringify({ id })
    const ticket = await ticketFor(cluster.secret, 'POST', '/ping', body)
    await exchange(url(), { body, headers: { authorization: `Bearer ${ticket}` } })
    const other = `${ticket.slice(0, -1)}${ticket.endsWith('A') ? 'E' : 'A'}`
    const refused = await exchange(url(), {
      body,
      headers: { authorization: `Bearer ${other}`, 'x-request-id': 'refused-1' },
    })
    expect(refused.status).toBe(401)
    const nonsense = connect(Number(new URL(url()).port), '127.0.0.1')
    nonsense.end(`POST /ping HTTP/1.1\r\nHost: ${NAME}\r\nAuthorization: Bearer ${ticket}\r\nContent-Length: x\r\n\r\n`)
    await once(nonsense.resume(), 'close')
    const { process: manager } = cluster.managers[0] ?? {}
    await manager?.line((line) => line.message === 'not an HTTP request')
    await manager?.line((line) => line.requestId === 'refused-1')
    const log = JSON.stringify(manager?.lines)
    for (const text of [ticket, other, cluster.secret]) {
      expect(log).not.toContain(text)
      // A buffer in a line is an array of numbers.
      expect(log).not.toContain([...Buffer.from(text)].join())
    }
  })
})

describe('a manager that only its own machine reaches', () => {
  let cluster: TestCluster
  let id = ''
  beforeAll(async () => {
    const managerEnvironment = { ACTIVE_WITHIN_MS: '8000' }
    cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 1, managerEnvironment })
    await waitUntil('the file-server is active', async () => {
      id = (await cluster.activeNodes())[0]?.id ?? ''
      return id !== ''
    })
  })
  afterAll(() => cluster?.[Symbol.asyncDispose]())

  test('takes pings from there, but through a proxy only with a ticket', async () => {
    const body = JSON.stringify({ id })
    expect((await exchange(cluster.url, { body })).status).toBe(200)
    const headers = { 'x-forwarded-for': '203.0.113.7' }
    expect((await exchange(cluster.url, { body, headers })).status).toBe(401)
    const authorization = `Bearer ${await ticketFor(cluster.secret, 'POST', '/ping', body)}`
    expect((await exchange(cluster.url, { body, headers: { ...headers, authorization } })).status).toBe(200)
  })

  test.each(['0123456789abcdef', 'some-other-node'])('tells the unknown node %s how to join', async (id) => {
    const answer = await exchange(cluster.url, { body: JSON.stringify({ id }) })
    expect([answer.status, answer.body.code, answer.body.error]).toEqual([404, 21, 'FILE_SERVER_NOT_FOUND'])
    expect(answer.body.detail).toContain(`MANAGERS=${cluster.url} CLUSTER_SECRET=<the secret> npm run file-server`)
    expect(JSON.stringify(answer.body)).not.toContain(cluster.secret)
  })

  test.each(['', 'nonsense', '[]', 'null', '{}', '{"id":7}', '{"id":""}', '"x"', `{"id":"${'x'.repeat(20_000)}"}`])(
    'refuses the body %.40s',
    async (body) => {
      const answer = await exchange(cluster.url, { body })
      expect([answer.status, answer.body.code]).toEqual([400, 5])
    },
  )

  testInFull('shows the ping of a file-server that is frozen, and counts it as away all the same', async () => {
    const [frozen] = cluster.fileServers
    frozen?.process.signal('SIGSTOP')
    try {
      const pingedAt = Date.now()
      const body = JSON.stringify({ id })
      await waitUntil(
        'it is not active',
        async () => {
          const pinged = await exchange(cluster.url, { body })
          if (pinged.status !== 200) return false
          expect(Date.parse(pinged.body.lastPingAt)).toBeGreaterThan(pingedAt - 1_000)
          return (await cluster.activeNodes()).length === 0
        },
        40_000,
      )
    } finally {
      frozen?.process.signal('SIGCONT')
    }
  })
})
