import { once } from 'node:events'
import { request as ask } from 'node:http'
import { bodyDigest, issueTicket, MANAGER_TICKET } from '@holdfast/shared/node/ticket'
import { expect, test } from 'vitest'
import { waitUntil } from '../../../../test/cluster/wait-until.ts'
import { fromTorrentRoutes } from '../../../src/api/tracker/from-torrent.routes.ts'
import { Callers } from '../../../src/http/callers.ts'
import { operatorGuard } from '../../../src/http/operator.ts'
import { serve } from '../../http/http-fixture.ts'

const clusterSecret = 'the secret of the cluster'
const path = '/files/from-torrent'
const body = JSON.stringify({
  magnet: `magnet:?xt=urn:btih:${'ab'.repeat(20)}&tr=${encodeURIComponent('http://127.0.0.1:1/announce')}`,
})
const soon = () => Math.floor(Date.now() / 1000) + 60
const madeUp = (expiresAt = soon()) => `Bearer v1.${expiresAt}.${'A'.repeat(43)}`
const ticket = () => {
  const request = { method: 'POST', path, bodySha256: bodyDigest(body), server: MANAGER_TICKET }
  return `Bearer ${issueTicket(clusterSecret, request, soon())}`
}

/** Serves the route on a manager that the public reaches through a trusted proxy. */
async function start() {
  const known = { host: '127.0.0.1', publicUrl: 'http://files.example.test', publicHosts: [] }
  const routes = fromTorrentRoutes({
    pulls: { order: async () => 'the id' },
    callers: new Callers(['127.0.0.1']),
    requireOperator: operatorGuard({ ...known, clusterSecret }),
  })
  const { port } = await serve((router) => router.use(routes.routes()), known)
  /** Asks from an address, and sends the body when `asked` is ended. */
  return (from: string, authorization?: string) => {
    const asked = ask({
      ...{ host: '127.0.0.1', port, path, method: 'POST', agent: false },
      headers: {
        ...{ 'content-type': 'application/json', 'content-length': body.length, expect: '100-continue' },
        ...{ 'x-forwarded-for': from, ...(authorization !== undefined && { authorization }) },
      },
    })
    const reading = once(asked, 'continue')
    const status = once(asked, 'response').then(([response]) => response.resume().statusCode as number)
    for (const promise of [reading, status]) promise.catch(() => undefined)
    asked.on('error', () => undefined).flushHeaders()
    return { asked, reading, status }
  }
}

test.each([
  ['none', undefined],
  ['one of no form', 'Bearer x'],
  ['one that has expired', madeUp(1_000_000_000)],
])('who shows %s in place of a ticket is refused before the body has come', async (_, authorization) => {
  const open = await start()
  const statuses = await Promise.all(Array.from({ length: 10 }, () => open('93.184.216.34', authorization).status))
  expect(statuses).toEqual(Array(10).fill(401))
})

test('of one network a single request is read at a time, and that shuts out nobody else', async () => {
  const open = await start()
  const held = open('2a00:1450:1:2::1', madeUp())
  await held.reading
  expect(await open('2a00:1450:1:2::2', madeUp()).status).toBe(503)
  const operator = open('93.184.216.34', ticket())
  await operator.reading
  operator.asked.end(body)
  expect(await operator.status).toBe(202)

  held.asked.destroy()
  await waitUntil('the network is heard again', async () => {
    const next = open('2a00:1450:1:2::2', ticket())
    next.asked.end(body)
    return (await next.status) === 202
  })
})
