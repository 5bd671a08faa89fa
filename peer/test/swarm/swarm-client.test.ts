import { once } from 'node:events'
import { createServer } from 'node:net'
import { pino } from 'pino'
import UTP from 'utp-native'
import { expect, test, vi } from 'vitest'
import { SwarmClient } from '../../src/swarm/swarm-client.ts'

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
