import { createSocket } from 'node:dgram'
import { createLogger } from '@holdfast/shared/node/logger'
import { expect, onTestFinished, test } from 'vitest'
import { waitUntil } from '../../../../test/cluster/wait-until.ts'
import { UdpPort } from '../../../src/peers/udp/udp-port.ts'
import { listenUdp } from '../tracker-fixture.ts'

const log = createLogger('test', 'silent')

function openPort(host: string, port: number, received: string[] = []): UdpPort {
  const udp = new UdpPort({ host, port }, (datagram, { address }) => received.push(`${address} ${datagram}`), log)
  onTestFinished(() => udp.close())
  return udp
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(resolve))
  return port
}

test('of several processes one has the port, and when it ends another takes it', async () => {
  const port = await freePort()
  const received: string[][] = [[], []]
  const first = openPort('127.0.0.1', port, received[0])
  await waitUntil('the first one has it', () => first.isOpen)
  const second = openPort('127.0.0.1', port, received[1])
  const client = await listenUdp('127.0.0.1', () => undefined)
  await waitUntil('a datagram reaches the first one', () => {
    client.socket.send('a', port, '127.0.0.1')
    return received[0]?.includes('127.0.0.1 a') === true
  })
  expect([first.isOpen, second.isOpen]).toEqual([true, false])
  await first.close()
  await waitUntil('the second one has it', () => second.isOpen)
  await waitUntil('a datagram reaches the second one', () => {
    client.socket.send('b', port, '127.0.0.1')
    return received[1]?.includes('127.0.0.1 b') === true
  })
  expect(received[0]).not.toContain('127.0.0.1 b')
})

test('nothing is thrown for a datagram that cannot be sent', async () => {
  const udp = openPort('127.0.0.1', await freePort())
  udp.send(Buffer.from('too early'), 5_000, '127.0.0.1')
  await waitUntil('it is open', () => udp.isOpen)
  for (const [port, ip] of [
    [5_000, '::1'],
    [0, '127.0.0.1'],
    [70_000, '127.0.0.1'],
    [5_000, '8.8.8.8'],
  ] as const)
    udp.send(Buffer.from('x'), port, ip)
  udp.send(Buffer.alloc(70_000), 5_000, '127.0.0.1')
  let count = 0
  const { port } = await listenUdp('127.0.0.1', () => count++)
  await waitUntil('what can be sent arrives', () => {
    udp.send(Buffer.from('x'), port, '127.0.0.1')
    return count > 0
  })
  await udp.close()
  expect(udp.isOpen).toBe(false)
  udp.send(Buffer.from('too late'), port, '127.0.0.1')
})

test('an IPv6 socket reaches both families', async () => {
  const received: string[] = []
  const udp = openPort('::', await freePort(), received)
  await waitUntil('it is open', () => udp.isOpen)
  let count = 0
  const { port } = await listenUdp('127.0.0.1', () => count++)
  await waitUntil('it arrives', () => {
    udp.send(Buffer.from('x'), port, '127.0.0.1')
    return count > 0
  })
})
