import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { pino } from 'pino'
import { expect, test, vi } from 'vitest'
import { UdpTrackers } from '../../src/swarm/udp-trackers.ts'

test('a tracker over UDP that refuses is told of', async () => {
  const socket = createSocket('udp4')
  // BEP 15: an action of 3 is an error, with the transaction of what it answers.
  socket.on('message', (datagram, { port, address }) => {
    const answer = Buffer.concat([Buffer.from([0, 0, 0, 3]), datagram.subarray(12, 16), Buffer.from('go away')])
    socket.send(answer, port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const onTrouble = vi.fn()
  const trackers = new UdpTrackers({
    ...{ infoHash: 'ab'.repeat(20), peerId: 'cd'.repeat(20), port: 6_881, log: pino({ level: 'silent' }) },
    ...{ urls: [`udp://127.0.0.1:${socket.address().port}`], onPeers: () => undefined, onTrouble },
    state: () => ({ uploaded: 0, downloaded: 0, left: 1, isHungry: true }),
  })
  await vi.waitFor(() => expect(onTrouble).toHaveBeenCalledWith(expect.stringContaining('go away')), { timeout: 5_000 })
  await trackers.close()
  socket.close()
})
