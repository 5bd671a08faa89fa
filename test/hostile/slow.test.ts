import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { describe, expect, inject, test } from 'vitest'
import { download, request, upload } from '../cluster/http.ts'
import { peakBytes } from '../cluster/process-measures.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { useTestCluster } from '../cluster/use-test-cluster.ts'
import { waitUntil } from '../cluster/wait-until.ts'
import { exchange, post } from './client.ts'
import { frame, OPCODE, upgradeRequest } from './websocket.ts'

const MIB = 1024 * 1024
/** A round that somebody else's connection holds up takes at least as long as one of the manager's time limits. */
const HONEST_LIMIT_MS = 9_000
/** Headers may take 10 s, and the manager looks once a second. Node's own limits would be a minute and more. */
const HEADERS_DEADLINE_MS = 30_000

interface HeldConnection {
  readonly socket: Socket
  received: string
  isClosed: boolean
}

/** These connections send some bytes and nothing more, and never hang up by themselves. */
class HeldConnections implements Disposable {
  readonly all: readonly HeldConnection[]

  constructor(port: number, count: number, bytes: string) {
    this.all = Array.from({ length: count }, () => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      const held: HeldConnection = { socket, received: '', isClosed: false }
      socket.on('data', (data) => {
        held.received += data.toString('latin1')
      })
      // A reset is an end too, and a good one here.
      for (const event of ['end', 'close', 'error']) {
        socket.on(event, () => {
          held.isClosed = true
        })
      }
      socket.write(bytes)
      return held
    })
  }

  get isEveryClosed(): boolean {
    return this.all.every((held) => held.isClosed)
  }

  [Symbol.dispose](): void {
    for (const { socket } of this.all) socket.destroy()
  }
}

const portOf = (cluster: TestCluster): number => Number(new URL(cluster.url).port)

/** Uploads and reads back, again and again until `isOver`. @returns the slowest of these rounds, in milliseconds */
async function honestTraffic(cluster: TestCluster, name: string, isOver: () => boolean): Promise<number> {
  let slowestMs = 0
  for (let round = 0; round < 20 || !isOver(); round++) {
    const bytes = randomBytes(3_000)
    const startedAt = performance.now()
    expect((await upload(cluster.url, `${name}/${round}`, bytes)).status).toBe(201)
    expect((await download(cluster.url, `${name}/${round}`)).body.equals(bytes)).toBe(true)
    slowestMs = Math.max(slowestMs, performance.now() - startedAt)
  }
  return slowestMs
}

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

describe('clients that read nothing', () => {
  const shared = useTestCluster({ fileServers: 1 })

  // They come first, for the most memory that was ever held says nothing of them later.
  test('strangers that send pings without end and read no answer are let go before they fill the memory', async () => {
    const cluster = shared()
    const before = await peakBytes(cluster.managers[0]?.process.pid ?? 0)
    const pings = Buffer.concat(Array.from({ length: 500 }, () => frame('x'.repeat(120), { opcode: OPCODE.ping })))
    using strangers = new HeldConnections(portOf(cluster), 10, upgradeRequest().toString('latin1'))
    await waitUntil('all are upgraded', () => strangers.all.every(({ received }) => received.includes(' 101 ')))
    for (const { socket } of strangers.all) {
      socket.pause()
      const pump = (): void => {
        while (socket.writable && socket.write(pings)) {
          // The client writes until the connection takes no more for the moment.
        }
      }
      socket.on('drain', pump)
      pump()
    }
    await waitUntil('all are let go', () => strangers.isEveryClosed, 20_000)
    expect((await peakBytes(cluster.managers[0]?.process.pid ?? 0)) - before).toBeLessThan(150 * MIB)
    expect((await upload(cluster.url, 'honest', Buffer.from('x'))).status).toBe(201)
  }, 120_000)

  test('readers that take nothing hold little memory and stop nobody', async () => {
    const cluster = shared()
    await upload(cluster.url, 'large', randomBytes(24 * MIB))
    using readers = new HeldConnections(portOf(cluster), 60, 'GET /file/large HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
    for (const { socket } of readers.all) socket.pause()
    expect(await honestTraffic(cluster, 'readers', () => true)).toBeLessThan(HONEST_LIMIT_MS)
    expect(await peakBytes(cluster.managers[0]?.process.pid ?? 0)).toBeLessThan(700 * MIB)
  }, 120_000)
})
