import { expect, test, vi } from 'vitest'
import { linkOf, useSocketServer } from '../scripted-file-server.ts'

const { start } = useSocketServer()
const managers = ['http://127.0.0.1:9001', 'http://127.0.0.1:9002']

test('a file-server that comes by an address of several managers is told them, sent away and not linked', async () => {
  const { registry, dial } = await start({ managers: () => managers, isShared: () => true })
  const peer = dial()
  const welcomes: unknown[] = []
  peer.answer('welcome', (welcome: unknown, ack: (result: object) => void) => {
    welcomes.push(welcome)
    ack({ ok: true })
  })
  await vi.waitFor(() => expect(peer.ended).toBe('io server disconnect'))
  expect(welcomes).toEqual([{ managers, isReferral: true }])
  expect(registry.links).toEqual([])
})

test('invariant 10: it proves itself before it is told anything', async () => {
  const { registry, dial } = await start({ managers: () => managers, isShared: () => true })
  const peer = dial({ secret: 'another secret, just as long' })
  await vi.waitFor(() => expect(peer.ended).toBe('io server disconnect'))
  expect([peer.isWelcome, registry.links]).toEqual([false, []])
})

test('managers that came while a file-server was told of others are told to it too', async () => {
  let known: readonly string[] = managers.slice(0, 1)
  const told: unknown[] = []
  const { registry, dial } = await start({ managers: () => known })
  const peer = dial()
  peer.answer('welcome', (welcome: { managers: readonly string[] }, ack: (result: object) => void) => {
    told.push(welcome.managers)
    known = managers
    ack({ ok: true })
  })
  await linkOf(registry, peer)
  await vi.waitFor(() => expect(told).toEqual([managers.slice(0, 1), managers]))
})

test("a referral leaves a file-server's link alone", async () => {
  let isShared = false
  const { registry, dial } = await start({ isShared: () => isShared })
  const linked = dial()
  const link = await linkOf(registry, linked)
  isShared = true
  const { serverId, bootId } = linked.hello
  const referred = dial({ serverId, bootId })
  await vi.waitFor(() => expect(referred.ended).toBe('io server disconnect'))
  expect([registry.links, link.isConnected]).toEqual([[link], true])
})
