import { createServer } from 'node:net'
import { createLogger } from '@holdfast/shared/node/logger'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { waitUntil } from '../../../../test/cluster/wait-until.ts'
import type { SeedPortDeps } from '../../../src/peers/seed/seed-port.ts'
import { useDatabase } from '../../mongo/mongo-fixture.ts'
import { RawPeer } from './raw-peer.ts'
import { askForMetadata, BLOCK, listen, openSeed, portOf } from './seed-fixture.ts'

const used = useDatabase()
const open = (deps?: Partial<SeedPortDeps>) => openSeed(used, deps)

test('a peer that sends no handshake, and one that asks for nothing, are let go', async () => {
  const impatient = await open({ timing: { handshakeMs: 200, idleMs: 60_000 } })
  const silent = await RawPeer.connect(impatient.port)
  silent.socket.write(Buffer.from('\x13BitTorrent', 'latin1'))
  await silent.ended()
  const { greet } = await open({ timing: { handshakeMs: 60_000, idleMs: 2_000 } })
  const { peer: idle } = await greet()
  const keepAlive = setInterval(() => idle.socket.write(Buffer.alloc(4)), 20)
  await idle.ended()
  clearInterval(keepAlive)
})

test('only so many connect, in all and from one address', async () => {
  const { greet } = await open({ bounds: { connections: 3, ofNetwork: 2, uploads: 3 } })
  const first = await greet()
  await greet()
  await expect(greet()).rejects.toThrow('hung up')
  await greet('127.0.0.2')
  await expect(greet('127.0.0.3')).rejects.toThrow('hung up')
  first.peer.socket.destroy()
  await waitUntil('there is room again', async () => (await greet('127.0.0.3')).bitfield.id === 5)
})

test('only so many load at once, and the next one is let in when one leaves', async () => {
  const { greet, bytes } = await open({ bounds: { connections: 9, ofNetwork: 9, uploads: 1 } })
  const [{ peer: first }, { peer: second }] = [await greet(), await greet()]
  first.send(2)
  expect((await first.message()).id).toBe(1)
  second.send(2)
  // It may not ask yet, so this is passed over.
  second.request(0, 0, BLOCK)
  askForMetadata(second, 0)
  expect((await second.message()).id).toBe(20)
  first.send(3)
  expect((await first.message()).id).toBe(0)
  expect((await second.message()).id).toBe(1)
  second.request(0, BLOCK, BLOCK)
  const { payload } = await second.message()
  expect(payload.subarray(8).equals(bytes.subarray(BLOCK, 2 * BLOCK))).toBe(true)
})

describe('where another process has the port', () => {
  const occupied = async () => {
    const bystander = createServer()
    await new Promise<void>((resolve) => bystander.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void bystander.close())
    return { bystander, port: (bystander.address() as { port: number }).port }
  }

  test('it is said once, nobody is led there, and the port is taken as soon as it is free', async () => {
    const { bystander, port } = await occupied()
    const log = createLogger('test', 'silent')
    const warn = vi.spyOn(log, 'warn')
    const seed = listen({ log }, { port })
    await vi.waitFor(() => expect(warn).toHaveBeenCalledTimes(1))
    expect(seed.port).toBeNull()
    await new Promise((resolve) => bystander.close(resolve))
    expect(await portOf(seed)).toBe(port)
    expect(warn).toHaveBeenCalledTimes(1)
  })

  test('a worker leads to it all the same', async () => {
    const { port } = await occupied()
    expect(await portOf(listen({}, { port, isShared: true }))).toBe(port)
  })
})
