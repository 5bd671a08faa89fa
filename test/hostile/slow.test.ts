import { describe, expect, inject, test } from 'vitest'
import { request, upload } from '../cluster/http.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { useTestCluster } from '../cluster/use-test-cluster.ts'
import { waitUntil } from '../cluster/wait-until.ts'
import { exchange, post } from './client.ts'
import { HeldConnections, HONEST_LIMIT_MS, honestTraffic, portOf } from './held-connections.ts'

/** Headers may take 30 s, and the manager looks once a second. Node's own limits would be a minute and more. */
const HEADERS_DEADLINE_MS = 60_000

describe.concurrent('beside honest traffic', () => {
  const shared = useTestCluster({ fileServers: 2 })

  test('200 connections with half a header, and 100 with none, are closed with a 408 in time', async ({ expect }) => {
    const cluster = shared()
    using slow = new HeldConnections(portOf(cluster), 200, 'GET /file/x HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ')
    using silent = new HeldConnections(portOf(cluster), 100, '')
    // A byte now and then is no excuse.
    const dribble = setInterval(() => {
      for (const { socket, isClosed } of slow.all) if (!isClosed) socket.write('x')
    }, 1_000)
    const isOver = (): boolean => slow.isEveryClosed && silent.isEveryClosed
    try {
      const traffic = honestTraffic(cluster, 'slowloris', isOver)
      await waitUntil('all of them are closed', isOver, HEADERS_DEADLINE_MS)
      expect(await traffic).toBeLessThan(HONEST_LIMIT_MS)
    } finally {
      clearInterval(dribble)
    }
    expect(slow.all.every((client) => client.received.startsWith('HTTP/1.1 408 Request Timeout\r\n'))).toBe(true)
  }, 120_000)

  test('300 idle connections cost the others nothing', async ({ expect }) => {
    const cluster = shared()
    using idle = new HeldConnections(portOf(cluster), 300, 'GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
    await waitUntil('all have their answer', () => idle.all.every((client) => client.received.includes('alive')))
    expect(await honestTraffic(cluster, 'idle', () => true)).toBeLessThan(HONEST_LIMIT_MS)
    expect(idle.all.some((client) => client.isClosed)).toBe(false)
  }, 120_000)
})

test('uploads beyond MAX_UPLOADS get 503 and code 17 before their body, and places come back', async () => {
  const managerEnvironment = { MAX_UPLOADS: '2' }
  await using cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 1, managerEnvironment })
  const port = portOf(cluster)
  const head = post('', 'application/json').toString('latin1').replace('Content-Length: 0', 'Content-Length: 1000000')
  {
    using holders = new HeldConnections(port, 2, head)
    const refused = 'HTTP/1.1 503 Service Unavailable\r\n'
    await waitUntil('both places are taken', async () => {
      const answer = await exchange(port, { bytes: Buffer.from(head) })
      return answer.status === 503 && answer.headers.startsWith(refused.trim())
    })
    for (const expectation of ['', 'Expect: 100-continue\r\n']) {
      // Not a byte of the body is sent.
      using third = new HeldConnections(port, 1, head.replace(/\r\n$/, `${expectation}\r\n`))
      const received = (): string => third.all.map((held) => held.received).join()
      await waitUntil('the third has its answer', () => received().includes('requestId'))
      expect(received().startsWith(refused)).toBe(true)
      expect(received()).toMatch(/\r\nRetry-After: \d+\r\n/i)
      expect(received()).toContain('"code":17')
    }
    expect(holders.all.some((holder) => holder.received !== '' || holder.isClosed)).toBe(false)
  }
  await waitUntil(
    'the places are free',
    async () => (await upload(cluster.url, 'after', Buffer.from('x'))).status === 201,
  )
  expect((await request(`${cluster.url}/file/after`)).status).toBe(200)
}, 120_000)
