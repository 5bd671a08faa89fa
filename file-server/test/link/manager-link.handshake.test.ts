import { readFile } from 'node:fs/promises'
import type { ClusterId } from '@holdfast/shared/ids'
import { makeProof } from '@holdfast/shared/node/handshake-proof'
import { PROTOCOL_VERSION } from '@holdfast/shared/wire/protocol'
import { expect, test, vi } from 'vitest'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import { openingOf, uploadOf, useFileServer } from './link-fixture.ts'
import { CLUSTER, challengeFor, type Dialled, SECRET } from './scripted-manager.ts'

const { link, linked, startManager, path, files } = useFileServer()
const identity = (): Promise<string> => readFile(path('identity.json'), 'utf8')
const commands: [string, ...unknown[]][] = [
  ['upload-file', uploadOf(newCopyId()), Buffer.from('bytes')],
  ['open-upload', openingOf(newCopyId())],
  ['upload-frame', { copyId: newCopyId(), seq: 0 }, Buffer.from('bytes')],
  ['upload-end', { copyId: newCopyId(), frameCount: 1 }],
  ['delete-file', { copyId: newCopyId(), slot: 0, requestId: 'test' }],
  ['list-copies', { cursor: { where: 'tree', slot: 0 }, limit: 10 }],
  ['suspect-copies', { copies: [] }],
  ['welcome', { managers: ['http://127.0.0.1:1'] }],
]

async function refusesAllCommands(on: Dialled): Promise<void> {
  for (const [event, ...args] of commands) {
    expect(await on.refusal(event, ...args), event).toMatchObject({ name: 'NOT_AUTHENTICATED' })
  }
  expect(await files()).toEqual([])
}

test('invariant 10: commands are refused before the manager has proved itself, and before it has said welcome', async () => {
  const manager = await startManager({ admits: false })
  const { links } = await link([manager.url])
  const before = await identity()
  const on = await manager.connection()
  await refusesAllCommands(on)
  await on.call('challenge', challengeFor(on.hello).challenge)
  for (const [event, ...args] of commands.filter(([name]) => name !== 'welcome'))
    expect(await on.refusal(event, ...args), event).toMatchObject({ name: 'NOT_AUTHENTICATED' })
  expect([await identity(), links.connectedCount, manager.heartbeats]).toEqual([before, 0, []])
  await on.call('welcome', { managers: [] })
  expect([links.connectedCount, JSON.parse(await identity()).clusterId]).toEqual([1, CLUSTER])
})

test.each<[string, (on: Dialled) => unknown, string, RegExp]>([
  [
    'another secret',
    (on) => challengeFor(on.hello, { secret: 'another secret, just as long' }).challenge,
    'NOT_AUTHENTICATED',
    /does not know this cluster secret/,
  ],
  [
    'the proof of another connection',
    (on) => challengeFor({ ...on.hello, nonce: '00'.repeat(16) }).challenge,
    'NOT_AUTHENTICATED',
    /does not know this cluster secret/,
  ],
  [
    'the proof of another start of this file-server',
    (on) => challengeFor({ ...on.hello, bootId: '0'.repeat(16) }).challenge,
    'NOT_AUTHENTICATED',
    /does not know/,
  ],
  [
    "the file-server's own role",
    (on) => challengeFor(on.hello, {}, 'file-server').challenge,
    'NOT_AUTHENTICATED',
    /does not know/,
  ],
  [
    'another cluster than it proves',
    (on) => ({ ...challengeFor(on.hello).challenge, clusterId: 'd'.repeat(16) }),
    'NOT_AUTHENTICATED',
    /does not know/,
  ],
  [
    'another id than it proves',
    (on) => ({ ...challengeFor(on.hello).challenge, managerId: 'd'.repeat(16) }),
    'NOT_AUTHENTICATED',
    /does not know/,
  ],
  [
    'another protocol version',
    (on) => ({ ...challengeFor(on.hello).challenge, protocol: PROTOCOL_VERSION + 1 }),
    'WRONG_PROTOCOL',
    new RegExp(`the manager speaks version ${PROTOCOL_VERSION + 1}, this file-server ${PROTOCOL_VERSION}`),
  ],
])(
  'invariant 10: a manager with %s is refused in plain words and changes nothing',
  async (_, challenge, name, words) => {
    const manager = await startManager({ admits: false })
    const { log } = await link([manager.url])
    const before = await identity()
    const on = await manager.connection()
    const refusal = await on.refusal('challenge', challenge(on))
    expect(refusal.name).toBe(name)
    expect(refusal.detail).toMatch(words)
    await refusesAllCommands(on)
    expect(await identity()).toBe(before)
    expect(log.find('manager refused')).toMatchObject([{ level: 'error', error: name }])
    // The file-server dials on, so a manager that has become right is served.
    on.socket.disconnect(true)
    const next = await manager.connection(2)
    expect(next.hello.nonce).not.toBe(on.hello.nonce)
    await manager.admit(next)
    expect(await next.call('list-copies', { cursor: { where: 'tree', slot: 0 }, limit: 10 })).toMatchObject({
      copies: [],
    })
  },
)

test('invariant 10: a manager on another database is refused in plain words, and the directory stays what it was', async () => {
  const manager = await startManager({ admits: false })
  const { log, store } = await link([manager.url])
  await manager.admit(await manager.connection())
  const before = await identity()
  manager.dialled[0]?.socket.disconnect(true)
  const on = await manager.connection(2)
  const other = 'd2d2d2d2d2d2d2d2' as ClusterId
  expect(await on.refusal('challenge', challengeFor(on.hello, { clusterId: other }).challenge)).toEqual({
    name: 'WRONG_CLUSTER',
    detail: `this data directory belongs to cluster ${CLUSTER}, the manager's database to ${other}`,
  })
  await refusesAllCommands(on)
  expect([await identity(), store.clusterId]).toEqual([before, CLUSTER])
  expect(log.find('manager refused')).toMatchObject([{ level: 'error', error: 'WRONG_CLUSTER' }])
})

test('what stays wrong is said once, and said again when it is something else', async () => {
  const manager = await startManager({ admits: false })
  const { log } = await link([manager.url])
  for (let count = 1; count <= 3; count++) {
    const on = await manager.connection(count)
    await on.refusal('challenge', challengeFor(on.hello, { secret: 'another secret, just as long' }).challenge)
    on.socket.disconnect(true)
  }
  const on = await manager.connection(4)
  await on.refusal('challenge', { ...challengeFor(on.hello).challenge, protocol: PROTOCOL_VERSION + 1 })
  expect(log.find('manager refused').map((line) => line.error)).toEqual(['NOT_AUTHENTICATED', 'WRONG_PROTOCOL'])
})

test('a second challenge on one connection is refused, and so is one that is malformed', async () => {
  const { on } = await linked()
  expect(await on.refusal('challenge', challengeFor(on.hello).challenge)).toMatchObject({ name: 'INVALID_REQUEST' })
  for (const value of [null, 'x', {}, { ...challengeFor(on.hello).challenge, proof: 'x' }, []])
    expect(await on.refusal('challenge', value)).toMatchObject({ name: 'INVALID_REQUEST' })
})

test('a welcome that comes twice at once starts one heartbeat', async () => {
  const manager = await startManager({ admits: false })
  const { log } = await link([manager.url])
  const on = await manager.connection()
  await on.call('challenge', challengeFor(on.hello).challenge)
  await Promise.all([on.call('welcome', { managers: [] }), on.call('welcome', { managers: [] })])
  expect(log.find('manager connected')).toHaveLength(1)
})

test('a welcome whose connection ended while the directory joined its cluster starts nothing', async () => {
  const manager = await startManager({ admits: false })
  const { store, log } = await link([manager.url])
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  vi.spyOn(store, 'joinCluster').mockImplementationOnce(() => held)
  const on = await manager.connection()
  await on.call('challenge', challengeFor(on.hello).challenge)
  const welcome = on.refusal('welcome', { managers: [] })
  await vi.waitFor(() => expect(store.joinCluster).toHaveBeenCalled())
  on.socket.disconnect(true)
  expect((await welcome).name).toBe('LINK_LOST')
  const next = await manager.connection(2)
  release()
  await refusesAllCommands(next)
  await manager.admit(next)
  expect(log.find('manager connected')).toHaveLength(1)
})

test('the proof of the file-server is its own, and no echo of the manager’s', async () => {
  const manager = await startManager({ admits: false })
  await link([manager.url])
  const on = await manager.connection()
  const { challenge, transcript } = challengeFor(on.hello)
  const { proof } = await on.call('challenge', challenge)
  expect(proof).toBe(makeProof(SECRET, 'file-server', transcript))
  expect(proof).not.toBe(challenge.proof)
})

test('a manager that neither challenges nor welcomes is given up and dialled again', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true })
  try {
    const manager = await startManager({ admits: false })
    const { log } = await link([manager.url])
    await manager.connection()
    vi.advanceTimersByTime(30_000)
    await vi.waitFor(() => expect(log.find('manager not reached')).toMatchObject([{ reason: 'no welcome in time' }]))
    vi.advanceTimersByTime(5_000)
    await manager.admit(await manager.connection(2))
    expect(manager.dialled).toHaveLength(2)
  } finally {
    vi.useRealTimers()
  }
})
