import { bodyDigest, issueTicket, MANAGER_TICKET } from '@holdfast/shared/node/ticket'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { ConnectionCallers, ownAddress } from '../../../src/api/tracker/caller.ts'
import { Callers } from '../../../src/http/callers.ts'
import { jsonBody } from '../../../src/http/json-body.ts'
import { operatorGuard } from '../../../src/http/operator.ts'
import { serve } from '../../http/http-fixture.ts'

/** A connection whose other end is asked for its address, which costs more than to remember it. */
function connectionFrom(remoteAddress: string) {
  let asked = 0
  const socket = {
    get remoteAddress() {
      asked += 1
      return remoteAddress
    },
  }
  return { request: (headers: object) => ({ socket, headers }) as never, count: () => asked }
}

describe('where the requests of a connection come from', () => {
  test('is found once for as long as they ask for the same host', () => {
    const callers = new ConnectionCallers(new Callers([]))
    const { request, count } = connectionFrom('127.0.0.9')
    for (let time = 0; time < 3; time++) expect(callers.addressOf(request({ host: 'localhost' })).ip).toBe('127.0.0.9')
    expect(count()).toBe(1)
    // Whoever asks this machine by another name may come by a proxy.
    expect(() => callers.addressOf(request({ host: 'files.example.test' }))).toThrow('Not allowed')
    expect(callers.addressOf(request({ host: 'localhost' })).ip).toBe('127.0.0.9')
  })

  test('is told by each request that a proxy brings', () => {
    const callers = new ConnectionCallers(new Callers(['10.0.0.1']))
    const { request } = connectionFrom('10.0.0.1')
    for (const ip of ['93.184.216.34', '93.184.216.35'])
      expect(callers.addressOf(request({ host: 'localhost', 'x-forwarded-for': ip })).ip).toBe(ip)
    expect(() => callers.addressOf(request({ host: 'localhost' }))).toThrow('Not allowed')
    const strangers = new ConnectionCallers(new Callers([]))
    const stranger = connectionFrom('93.184.216.36').request
    expect(strangers.addressOf(stranger({ host: 'a' })).ip).toBe('93.184.216.36')
    expect(() => strangers.addressOf(stranger({ host: 'a', via: '1.1 proxy' }))).toThrow('Not allowed')
  })
})

test('a request names an address that is not its own only by a ticket for that very body', async () => {
  const clusterSecret = 'the secret of the cluster'
  const settings = { host: '0.0.0.0', publicUrl: null, publicHosts: [], clusterSecret }
  const operator = { callers: new Callers([]), requireOperator: operatorGuard(settings) }
  const read = jsonBody(z.object({ host: z.string() }))
  const { url } = await serve((router) => {
    router.post('/peers', async (ctx) => {
      ctx.body = ownAddress(ctx, (await read(ctx)).host, operator).ip
    })
  })
  const body = '{ "host": "93.184.216.34" }'
  const ask = async (of: string) => {
    const request = { method: 'POST', path: '/peers', bodySha256: bodyDigest(of), server: MANAGER_TICKET }
    const ticket = issueTicket(clusterSecret, request, Math.floor(Date.now() / 1000) + 60)
    const headers = { authorization: `Bearer ${ticket}`, 'content-type': 'application/json' }
    const answer = await fetch(`${url}/peers`, { method: 'POST', body, headers })
    return [answer.status, await answer.text()]
  }
  expect(await ask(body)).toEqual([200, '93.184.216.34'])
  expect(await ask('{"host":"93.184.216.34"}')).toEqual([403, expect.stringContaining('name that address or none')])
})
