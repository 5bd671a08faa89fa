import type { Logger } from '@holdfast/shared/node/logger'
import { BufferPool } from '@holdfast/shared/wire/buffer-pool'
import { expect, test, vi } from 'vitest'
import type { FileServerRegistry } from '../../../src/chunks/registry.ts'
import { HolderRecords } from '../../../src/files/holder-records.ts'
import { reconciler } from '../../../src/upkeep/reconcile/reconcile.ts'
import { Throttle } from '../../../src/upkeep/throttle.ts'
import { type Ack, linkOf, type ScriptedFileServer, useSocketServer } from '../../chunks/scripted-file-server.ts'
import { useDatabase } from '../../mongo/mongo-fixture.ts'

const used = useDatabase()
const { start } = useSocketServer()
const signal = new AbortController().signal

function servePages(peer: ScriptedFileServer, slots: number): { passes: () => number } {
  let passes = 0
  peer.answer('list-copies', ({ cursor }: { cursor: { where: string } }, ack: Ack) => {
    if (cursor.where === 'tree') passes++
    const copies = Array.from({ length: cursor.where === 'tree' ? slots : 0 }, (_, slot) => ({
      copyId: `${slot.toString(16).padStart(24, '0')}${'0'.repeat(5)}${'ab'.repeat(5)}a`,
      slot,
      sha256: 'cd'.repeat(32),
    }))
    ack({
      ok: true,
      where: cursor.where,
      copies,
      next: cursor.where === 'tree' ? { where: 'quarantine', slot: 0 } : null,
    })
  })
  peer.answer('suspect-copies', ({ copies }: { copies: unknown[] }, ack: Ack) =>
    ack({ ok: true, agesMs: copies.map(() => 1e9) }),
  )
  return { passes: () => passes }
}

type Log = Record<'error' | 'warn' | 'info' | 'debug', ReturnType<typeof vi.fn>>

function loopOf(registry: FileServerRegistry, log: Log, everyMs: number) {
  return reconciler(
    {
      ...{ registry, holders: new HolderRecords(used.model), log: log as unknown as Logger },
      noteMissingShare: async () => undefined,
      onMarked: () => undefined,
      throttle: new Throttle(1e12),
      buffers: new BufferPool(),
    },
    { everyMs, graceMs: 1_000, maxSharePercent: 5 },
  )
}

async function twoServers(everyMs: number) {
  const { registry, dial } = await start()
  const peers = [dial(), dial()]
  for (const peer of peers) await linkOf(registry, peer)
  const log = { error: vi.fn(), warn: vi.fn(), info: vi.fn(), debug: vi.fn() }
  const loop = loopOf(registry, log, everyMs)
  return { peers, log, loop }
}

test('each file-server is compared in turn, and again only after its time', async () => {
  const { peers, loop } = await twoServers(60_000)
  const served = peers.map((peer) => servePages(peer, 0))
  for (let round = 0; round < 3; round++) expect(await loop.run(signal)).toBe(false)
  expect(served.map(({ passes }) => passes())).toEqual([1, 1])
})

test('a file-server with orphans is compared again when their grace is over, and not before', async () => {
  const { peers, loop } = await twoServers(24 * 3_600_000)
  const [withOrphans, without] = peers.map((peer, index) => servePages(peer, index === 0 ? 60 : 0))
  const counts = () => [withOrphans?.passes(), without?.passes()]
  await loop.run(signal)
  await loop.run(signal)
  expect(counts()).toEqual([1, 1])
  await vi.waitFor(async () => {
    await loop.run(signal)
    expect(counts()).toEqual([2, 1])
  })
})

test('a file-server that was started anew is compared at once', async () => {
  const { registry, dial } = await start()
  const [first, log] = [dial(), { error: vi.fn(), warn: vi.fn(), info: vi.fn(), debug: vi.fn() }]
  await linkOf(registry, first)
  const loop = loopOf(registry, log, 60_000)
  const { passes } = servePages(first, 0)
  await loop.run(signal)
  first.socket.disconnect()
  const again = dial({ serverId: first.hello.serverId })
  await vi.waitFor(() => expect(registry.find(first.hello.serverId)?.bootId).toBe(again.hello.bootId))
  const { passes: passesAfter } = servePages(again, 0)
  for (let round = 0; round < 3; round++) await loop.run(signal)
  expect([passes(), passesAfter()]).toEqual([1, 1])
})

test('a file-server whose inventory fails keeps none of the others waiting, and is tried again', async () => {
  const { peers, loop, log } = await twoServers(60_000)
  const [broken, sound] = peers
  if (broken === undefined || sound === undefined) throw new Error('two file-servers')
  broken.answer('list-copies', (_command: unknown, ack: Ack) => ack({ ok: false, error: { name: 'DISK_FAILED' } }))
  const { passes } = servePages(sound, 0)
  await loop.run(signal)
  expect(passes()).toBe(1)
  expect(log.warn).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({ serverId: broken.hello.serverId, error: 'DISK_FAILED' }),
    'reconcile will try again',
  )
  const repaired = servePages(broken, 0)
  await loop.run(signal)
  expect([repaired.passes(), passes()]).toEqual([1, 1])
})

test('invariant 7: an unlikely share is an error line, and nothing is asked to go', async () => {
  const { peers, loop, log } = await twoServers(60_000)
  const moves = vi.fn()
  for (const peer of peers) {
    servePages(peer, 60)
    for (const command of ['quarantine-file', 'discard-file', 'delete-file']) peer.answer(command, moves)
  }
  await loop.run(signal)
  expect(moves).not.toHaveBeenCalled()
  expect(log.error.mock.calls.map(([fields, message]) => [fields.isHalted, fields.orphanCount, message])).toEqual(
    peers.map(() => [true, 60, 'reconcile stopped: an unlikely share of the copies has no record']),
  )
})

test('a shutdown in the middle is no failure', async () => {
  const { peers, loop, log } = await twoServers(60_000)
  const stop = new AbortController()
  for (const peer of peers) peer.answer('list-copies', () => stop.abort())
  await loop.run(stop.signal)
  expect([log.warn.mock.calls, log.error.mock.calls]).toEqual([[], []])
})
