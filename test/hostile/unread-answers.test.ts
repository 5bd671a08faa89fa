import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { upload } from '../cluster/http.ts'
import { peakBytes } from '../cluster/process-measures.ts'
import { useTestCluster } from '../cluster/use-test-cluster.ts'
import { waitUntil } from '../cluster/wait-until.ts'
import { HeldConnections, HONEST_LIMIT_MS, honestTraffic, portOf } from './held-connections.ts'
import { frame, OPCODE, upgradeRequest } from './websocket.ts'

const MIB = 1024 * 1024

describe('clients that read nothing', () => {
  const shared = useTestCluster({ fileServers: 1 })

  // They come first, for the most memory that was ever held says nothing of them later.
  test('strangers that send pings without end and read no answer are let go before they fill any memory', async () => {
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
    expect((await peakBytes(cluster.managers[0]?.process.pid ?? 0)) - before).toBeLessThan(32 * MIB)
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
