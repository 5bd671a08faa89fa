import type { ServerId } from '@holdfast/shared/ids'
import { makeProof } from '@holdfast/shared/node/handshake-proof'
import { PROTOCOL_VERSION } from '@holdfast/shared/wire/protocol'
import type { Challenge } from '@holdfast/shared/wire/shapes'
import { io } from 'socket.io-client'
import { expect, test, vi } from 'vitest'
import { testInFull } from '../../../../test/full-run.ts'
import {
  type Ack,
  aCopy,
  aHeartbeat,
  CLUSTER,
  linkOf,
  newServerId,
  type Script,
  type ScriptedFileServer,
  transcriptOf,
  useSocketServer,
} from '../scripted-file-server.ts'

const { start, connect } = useSocketServer()
const uncounted = { ...aHeartbeat, isInventoryDone: false }
const ended = (peer: ScriptedFileServer): Promise<string> =>
  vi.waitFor(() => {
    if (peer.ended === null) throw new Error('still connected')
    return peer.ended
  })

test('a file-server that proves itself is listed, and the manager proved itself first', async () => {
  const onConnected = vi.fn()
  const { registry, dial } = await start({ countCopies: async () => 7, onConnected })
  const peer = dial({ name: 'the first', heartbeat: uncounted })
  const link = await linkOf(registry, peer)
  expect([peer.isManagerProven, peer.isWelcome, link.name]).toEqual([true, true, 'the first'])
  expect(registry.views()).toMatchObject([{ id: peer.hello.serverId, isActive: true, copyCount: 7 }])
  expect(onConnected).toHaveBeenCalledExactlyOnceWith(link)
})

test('a file-server gets nothing before its coming was noted', async () => {
  let note: () => void = () => undefined
  const onJoining = vi.fn(() => new Promise<void>((resolve) => (note = resolve)))
  const { registry, dial } = await start({ onJoining })
  const peer = dial()
  await vi.waitFor(() => expect(onJoining).toHaveBeenCalledTimes(1))
  expect([peer.isWelcome, registry.links]).toEqual([false, []])
  note()
  const link = await linkOf(registry, peer)
  expect(onJoining).toHaveBeenCalledExactlyOnceWith(link)
})

test('a connection that ends takes the file-server out of the list', async () => {
  const { registry, peer } = await connect()
  peer.socket.disconnect()
  await vi.waitFor(() => expect(registry.links).toEqual([]))
})

const noProof = (proof: (challenge: Challenge) => unknown): Script => ({
  onChallenge: (challenge, ack) => ack({ ok: true, proof: proof(challenge), heartbeat: aHeartbeat }),
})

test.each<[string, Script]>([
  ['another secret', { secret: 'another secret, just as long' }],
  ['no proof', noProof(() => undefined)],
  ['the manager’s own proof sent back', noProof((challenge) => challenge.proof)],
  ['a proof that is no text', noProof(() => ({ length: 64 }))],
  [
    'an error instead of a proof',
    { onChallenge: (_, ack) => ack({ ok: false, error: { name: 'NOT_AUTHENTICATED' } }) },
  ],
  ['garbage instead of an ack', { onChallenge: (_, ack) => ack('ok') }],
  ['a heartbeat that is none', { heartbeat: { copyCount: -1 } }],
  ['a welcome refused', { onWelcome: (ack) => ack({ ok: false, error: { name: 'WRONG_CLUSTER' } }) }],
])('invariant 10: a file-server with %s is sent away and in no list', async (_, script) => {
  const { registry, dial } = await start()
  const peer = dial(script)
  const reason = await ended(peer)
  expect(['io server disconnect', 'transport close']).toContain(reason)
  expect(registry.links).toEqual([])
})

test('invariant 10: the proof of another connection is worth nothing', async () => {
  const { registry, dial } = await start()
  let recorded: unknown
  const honest = dial({ serverId: newServerId() })
  honest.answer('challenge', (challenge: Challenge, ack: Ack) => {
    recorded = makeProof('a secret of this test', 'file-server', transcriptOf(honest.hello, challenge))
    ack({ ok: true, proof: recorded, heartbeat: aHeartbeat })
  })
  await linkOf(registry, honest)
  honest.socket.disconnect()
  await vi.waitFor(() => expect(registry.links).toEqual([]))
  const { serverId, bootId, nonce } = honest.hello
  const replayer = dial({ hello: { serverId, bootId, nonce }, ...noProof(() => recorded) })
  await ended(replayer)
  expect(registry.links).toEqual([])
})

test.each<[string, Record<string, unknown>, RegExp]>([
  [
    'an older protocol',
    { protocol: 0 },
    new RegExp(`the file-server speaks version 0, this manager ${PROTOCOL_VERSION}`),
  ],
  [
    'a newer protocol',
    { protocol: PROTOCOL_VERSION + 1, more: 1 },
    new RegExp(`the file-server speaks version ${PROTOCOL_VERSION + 1}, this manager ${PROTOCOL_VERSION}`),
  ],
  [
    'another cluster',
    { clusterId: 'd2'.repeat(8) },
    new RegExp(`belongs to cluster (d2)+, this manager's database to ${CLUSTER}`),
  ],
  ['an id that is none', { serverId: '../../x' }, /serverId/],
  ['a nonce that is none', { nonce: '' }, /nonce/],
  ['a name without end', { name: 'x'.repeat(101) }, /name/],
  ['a zone without a name', { zone: '' }, /zone/],
  ['a field more', { isAdmin: true }, /isAdmin/],
])('a hello with %s is refused in plain words', async (_, hello, words) => {
  const { registry, dial } = await start()
  expect(await ended(dial({ hello }))).toMatch(words)
  expect(registry.links).toEqual([])
})

test('a browser’s page and a dial of another namespace are turned away', async () => {
  const { url, dial, registry } = await start()
  expect(await ended(dial({ headers: { Origin: 'http://evil.example' } }))).toMatch(/websocket error/)
  const stray = io(url, { transports: ['websocket'], forceNew: true, reconnection: false })
  const reason = await new Promise<string>((resolve) => stray.on('connect_error', (error) => resolve(error.message)))
  stray.disconnect()
  expect(reason).toBe('dial /file-server')
  expect(registry.links).toEqual([])
})

test('invariant 10: before its proof a file-server is not heard: no heartbeats, no frames', async () => {
  const { registry, dial } = await start()
  let challenged = false
  const stranger = dial({
    onChallenge: () => {
      challenged = true
    },
  })
  await vi.waitFor(() => expect(challenged).toBe(true))
  const streamId = 'ab'.repeat(8)
  const answers = Promise.all([
    stranger.send('heartbeat', aHeartbeat),
    stranger.send('stream-frame', { streamId, seq: 0, isLast: true }, Buffer.from('x')),
    stranger.send('stream-error', { streamId, error: {} }),
  ])
  const honest = dial()
  await linkOf(registry, honest)
  expect(registry.links.map((link) => link.id)).toEqual([honest.hello.serverId])
  stranger.socket.disconnect()
  expect([stranger.isWelcome, await answers]).toEqual([false, ['no ack', 'no ack', 'no ack']])
})

testInFull('a file-server that does not prove itself in time is let go', async () => {
  const { registry, dial } = await start()
  const stranger = dial({ onChallenge: () => undefined })
  expect(await ended(stranger)).toMatch(/disconnect|close/)
  expect([stranger.isWelcome, registry.links]).toEqual([false, []])
})

test('strangers are bounded: the hundred-and-first waits until others are gone, and the honest come in then', async () => {
  const { registry, dial } = await start()
  // Whoever is let in is challenged, and ends when the handshake takes too long.
  const letIn = new Set<number>()
  const strangers = Array.from({ length: 150 }, (_, index) => dial({ onChallenge: () => void letIn.add(index) }))
  const turnedAway = () => strangers.filter((peer, index) => peer.ended !== null && !letIn.has(index))
  await vi.waitFor(() => expect([letIn.size, turnedAway().length]).toEqual([100, 50]))
  for (const peer of strangers) peer.socket.disconnect()
  await vi.waitFor(async () => {
    const honest = dial()
    await linkOf(registry, honest)
  })
  expect(registry.links).toHaveLength(1)
})

test('a second process with the same id is refused while the first is connected, and let in after it', async () => {
  const { registry, dial } = await start()
  const serverId = newServerId()
  const first = dial({ serverId })
  const link = await linkOf(registry, first)
  const second = dial({ serverId })
  await ended(second)
  expect([registry.find(serverId), first.ended]).toEqual([link, null])
  first.socket.disconnect()
  await vi.waitFor(() => expect(registry.links).toEqual([]))
  const third = dial({ serverId })
  expect((await linkOf(registry, third)).bootId).toBe(third.hello.bootId)
})

test('the same process that comes again replaces its stale connection', async () => {
  const { registry, dial } = await start()
  const [serverId, bootId] = [newServerId(), '1'.repeat(16)]
  const stale = dial({ serverId, bootId })
  const before = await linkOf(registry, stale)
  const call = before
    .call('transfer-file', { ...aCopy(), streamId: 'ab'.repeat(8) }, { deadlineMs: 60_000 })
    .catch((error: { name: string }) => error.name)
  const fresh = dial({ serverId, bootId })
  await ended(stale)
  await vi.waitFor(() => expect(registry.find(serverId)?.isConnected).toBe(true))
  expect(await call).toBe('LINK_LOST')
  expect([fresh.ended, registry.links.length, registry.find(serverId) === before]).toEqual([null, 1, false])
})

test.each([
  ['one process with two connections is listed once, and the other connection is ended', true],
  ['two processes with one id are never both connected', false],
])('handshakes at the same moment: %s', async (_, isSameBoot) => {
  let release: (count: number) => void = () => undefined
  const counted = new Promise<number>((resolve) => {
    release = resolve
  })
  const countCopies = vi.fn((_id: ServerId) => counted)
  const { registry, dial } = await start({ countCopies })
  const serverId = newServerId()
  const peers = ['1', '2'].map((digit) =>
    dial({ serverId, bootId: (isSameBoot ? '1' : digit).repeat(16), heartbeat: uncounted }),
  )
  await vi.waitFor(() => expect(countCopies).toHaveBeenCalledTimes(2))
  release(0)
  await vi.waitFor(() => expect(peers.filter((peer) => peer.ended !== null)).toHaveLength(1))
  const [kept] = peers.filter((peer) => peer.ended === null)
  expect(kept?.socket.connected).toBe(true)
  await vi.waitFor(() => expect(registry.links.map((link) => link.isConnected)).toEqual([true]))
})

test('a file-server whose records cannot be counted counts with what it has itself', async () => {
  const { registry, dial } = await start({ countCopies: () => Promise.reject(new Error('the database is too slow')) })
  const peer = dial({ heartbeat: uncounted })
  const { heartbeat } = await linkOf(registry, peer)
  expect(registry.views()).toMatchObject([{ id: peer.hello.serverId, isActive: true, copyCount: heartbeat.copyCount }])
})

test('a file-server that has counted for itself does not wait for a count of its records', async () => {
  const countCopies = vi.fn(() => new Promise<number>(() => undefined))
  const { registry, dial } = await start({ countCopies })
  const peer = dial()
  await linkOf(registry, peer)
  expect(registry.views()).toMatchObject([{ id: peer.hello.serverId, copyCount: aHeartbeat.copyCount }])
  expect(countCopies).not.toHaveBeenCalled()
})

test('a connection that ends while its copies are counted leaves nothing in the list', async () => {
  let release: (count: number) => void = () => undefined
  const counted = new Promise<number>((resolve) => {
    release = resolve
  })
  const countCopies = vi.fn((_id: ServerId) => counted)
  const { registry, dial } = await start({ countCopies })
  const peer = dial({ heartbeat: uncounted })
  await vi.waitFor(() => expect(countCopies).toHaveBeenCalled())
  peer.socket.disconnect()
  release(0)
  const next = dial()
  await linkOf(registry, next)
  expect(registry.links.map((link) => link.id)).toEqual([next.hello.serverId])
})

test('heartbeats are heard, hostile messages are not, and the connection stays', async () => {
  const { peer, link } = await connect()
  for (const value of [null, 'x', {}, { ...aHeartbeat, copyCount: -1 }, { ...aHeartbeat, freeBytes: Number.NaN }])
    expect(await peer.send('heartbeat', value)).toMatchObject({ ok: false, error: { name: 'INVALID_REQUEST' } })
  peer.socket.emit('heartbeat')
  peer.socket.emit('heartbeat', aHeartbeat)
  peer.socket.emit('stream-frame')
  peer.socket.emit('stream-frame', { streamId: 'ab'.repeat(8), seq: 0, isLast: true })
  peer.socket.emit('no-such-event', { a: 1 })
  const streamId = 'ab'.repeat(8)
  const refused: [string, unknown, unknown?][] = [
    ['stream-frame', { streamId, seq: 0, isLast: true }],
    ['stream-frame', { streamId, seq: 0, isLast: true }, Buffer.from('x')],
    ['stream-frame', { streamId, seq: -1, isLast: true }, Buffer.from('x')],
    ['stream-frame', { streamId: '__proto__', seq: 0, isLast: true }, Buffer.from('x')],
    ['stream-frame', { streamId, seq: 0, isLast: true }, 'text'],
    ['stream-frame', null, null],
    ['stream-error', { streamId: 5, error: {} }],
    ['stream-error', null],
  ]
  for (const [event, argument, bytes] of refused)
    expect(await peer.send(event, argument, bytes), event).toMatchObject({
      ok: false,
      error: { name: expect.any(String) },
    })
  expect(link.heartbeat).toEqual(aHeartbeat)
  expect(await peer.send('heartbeat', { ...aHeartbeat, copyCount: 44 })).toEqual({ ok: true })
  expect(link.heartbeat.copyCount).toBe(44)
  expect(link.isConnected).toBe(true)
})

test('a message larger than the largest legal one ends the connection, not the manager', async () => {
  const { peer, registry, dial } = await connect()
  peer.socket.emit('stream-frame', 1, {}, Buffer.alloc(2 * 1024 * 1024))
  await ended(peer)
  await linkOf(registry, dial())
  expect(registry.links).toHaveLength(1)
})
