import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { type AnnounceOrder, runAnnounces } from '../../src/load/run-announces.ts'

/** Notes who announces where, over HTTP and UDP on one port. @param isRefused is asked for every announce over UDP */
async function startTracker({ isRefused = (): boolean => false, body = 'd8:completei0ee' } = {}) {
  const announced: string[] = []
  const server = createServer((request, response) => {
    const query = new URLSearchParams((request.url ?? '').split('?')[1]?.replace(/%/g, '_'))
    announced.push(
      `${request.socket.remoteAddress} ${query.get('info_hash')?.replaceAll('_', '')} ${query.get('port')} ${query.get('left')}`,
    )
    response.end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const socket = createSocket('udp4')
  socket.on('message', (request, source) => {
    const answer = Buffer.alloc(20)
    const isConnect = request.length === 16
    const isError = !isConnect && isRefused()
    answer.writeUInt32BE(isConnect ? 0 : isError ? 3 : 1)
    request.copy(answer, 4, 12, 16)
    if (isConnect) answer.write('an id...', 8)
    if (!isConnect && !isError) {
      expect(request.toString('latin1', 0, 8)).toBe('an id...')
      const hash = request.toString('hex', 16, 36)
      announced.push(`${source.address} ${hash} ${request.readUInt16BE(96)} ${request.readBigUInt64BE(64)}`)
    }
    socket.send(answer.subarray(0, isConnect ? 16 : 20), source.port, source.address)
  })
  socket.bind(port, '127.0.0.1')
  await once(socket, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
    socket.close()
  })
  return { url: `http://127.0.0.1:${port}`, announced }
}

const orderOf = (url: string, order: Partial<AnnounceOrder>): AnnounceOrder => ({
  ...{ protocol: 'udp', url, peers: 'known', clients: 5, swarmCount: 4, maxMs: 60_000, maxEach: 4 },
  ...{ run: 'test', nextNumber: 0 },
  ...order,
})

it.each(['udp', 'http'] as const)('each client announces itself in every swarm over %s', async (protocol) => {
  const { url, announced } = await startTracker()
  const result = await runAnnounces(orderOf(url, { protocol }))
  expect(result).toMatchObject({ doneCount: 20, refusedCount: 0, nextNumber: 0 })
  expect(new Set(announced).size).toBe(20)
  expect(new Set(announced.map((line) => line.split(' ')[0])).size).toBe(5)
  expect(new Set(announced.map((line) => line.split(' ')[1])).size).toBe(4)
  expect(announced.filter((line) => line.endsWith(' 0'))).toHaveLength(8)
  await runAnnounces(orderOf(url, { protocol, maxEach: 8 }))
  expect(new Set(announced).size).toBe(20)
})

it('new peers are new in every load that goes on with the next number', async () => {
  const { url, announced } = await startTracker()
  const { nextNumber } = await runAnnounces(orderOf(url, { peers: 'new', maxEach: 6 }))
  expect(nextNumber).toBe(6)
  await runAnnounces(orderOf(url, { peers: 'new', maxEach: 6, nextNumber }))
  expect(new Set(announced).size).toBe(60)
  await expect(runAnnounces(orderOf(url, { peers: 'new', nextNumber: 63 * 4 }))).rejects.toThrow('no further peers')
})

it('whoever is refused asks again, and counts once', async () => {
  let count = 0
  const { url, announced } = await startTracker({ isRefused: () => count++ % 2 === 0 })
  expect(await runAnnounces(orderOf(url, { clients: 1 }))).toMatchObject({ doneCount: 4, refusedCount: 4 })
  expect(announced).toHaveLength(4)
})

it('an answer that is none ends it', async () => {
  const { url } = await startTracker({ body: 'd14:failure reason2:noe' })
  await expect(runAnnounces(orderOf(url, { protocol: 'http' }))).rejects.toThrow('failure reason')
})
