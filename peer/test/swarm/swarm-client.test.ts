import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { readTorrent } from '@holdfast/shared/node/torrent/metainfo'
import { pino } from 'pino'
import UTP from 'utp-native'
import { expect, test, vi } from 'vitest'
import { SwarmClient } from '../../src/swarm/swarm-client.ts'
import { makeTorrent } from '../../src/torrent/make-torrent.ts'

const log = pino({ level: 'silent' })

test('a free port is one that is free for TCP and for UDP', async () => {
  const listen = vi.spyOn(UTP.prototype, 'listen').mockImplementationOnce(function (this: UTP) {
    queueMicrotask(() => this.emit('error', Object.assign(new Error('in use'), { code: 'EADDRINUSE' })))
  })
  const swarm = await SwarmClient.listen({ host: '127.0.0.1', port: 0, log })
  expect(listen.mock.calls).toHaveLength(2)
  expect(listen.mock.lastCall?.[0]).toBe(swarm.port)
  listen.mockRestore()
  await swarm.close()
})

test('a port that is named and in use is refused in a sentence', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  await expect(SwarmClient.listen({ host: '127.0.0.1', port, log })).rejects.toThrow(
    `the peer cannot listen at 127.0.0.1:${port}: the port is in use (EADDRINUSE)`,
  )
  server.close()
})

const { infoHash, bare } = readTorrent(
  makeTorrent({ name: 'x', length: 100, pieceLength: 65_536, pieces: Buffer.alloc(20) }, []),
)
const offer = { path: '/nowhere/x', torrent: async () => bare, isUnchanged: async () => true }

/** Comes for what is offered. @returns whether the peer has it */
async function comeFor(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(Buffer.concat([Buffer.from('\x13BitTorrent protocol'), Buffer.alloc(8), Buffer.from(infoHash, 'hex')]))
  socket.write(Buffer.alloc(20, 120))
  const answered = once(socket, 'data').then(() => true)
  const closed = once(socket, 'close').then(() => false)
  return Promise.race([answered, closed, delay(5_000, false)]).finally(() => socket.destroy())
}

test.each<[string, (swarm: SwarmClient, torrent: { destroy(): void }) => void]>([
  ['withdrawn', (swarm) => swarm.withdraw(infoHash)],
  ['ended', (_, torrent) => torrent.destroy()],
])('what is %s while it wakes can be offered again', async (_, disturb) => {
  const swarm = await SwarmClient.listen({ host: '127.0.0.1', port: 0, log })
  const { add } = SwarmClient.prototype
  vi.spyOn(swarm, 'add').mockImplementationOnce((...args) => {
    const torrent = add.apply(swarm, args)
    queueMicrotask(() => disturb(swarm, torrent))
    return torrent
  })
  swarm.offer(infoHash, offer)
  expect(await comeFor(swarm.port)).toBe(false)
  swarm.offer(infoHash, offer)
  expect(await comeFor(swarm.port)).toBe(true)
  swarm.withdraw(infoHash)
  expect(await comeFor(swarm.port)).toBe(false)
  await swarm.close()
})

const own = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address

test.skipIf(own === undefined)(
  'one address has eight connections (where this machine has one of a network)',
  async () => {
    const swarm = await SwarmClient.listen({ host: '0.0.0.0', port: 0, log })
    const sockets: Socket[] = Array.from({ length: 9 }, () => connect(swarm.port, own))
    const closed = await Promise.race(sockets.map((socket) => once(socket.resume(), 'close').then(() => socket)))
    expect(sockets.filter((socket) => socket !== closed && socket.closed)).toEqual([])
    for (const socket of sockets) socket.destroy()
    await swarm.close()
  },
)
