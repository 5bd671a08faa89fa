import type { Heartbeat } from '@holdfast/shared/wire/events'
import { afterEach, expect, test, vi } from 'vitest'
import { aHeartbeat, linkOf, type ScriptedFileServer, useSocketServer } from './scripted-file-server.ts'

const { start } = useSocketServer()

afterEach(() => {
  vi.restoreAllMocks()
})

/** File-servers with these heartbeats, all connected. */
async function connected(...heartbeats: Partial<Heartbeat>[]) {
  const { registry, dial } = await start({ countFiles: async () => 10 })
  const peers = heartbeats.map((fields) => dial({ heartbeat: { ...aHeartbeat, ...fields } }))
  const links = await Promise.all(peers.map((peer) => linkOf(registry, peer)))
  const countOf = (index: number): number | undefined =>
    registry.views().find((view) => view.id === peers[index]?.hello.serverId)?.fileCount
  const idOf = (index: number) => (peers[index] as ScriptedFileServer).hello.serverId
  return { registry, peers, links, countOf, idOf }
}
const refusal = (work: () => unknown): string => {
  try {
    work()
    return 'none'
  } catch (error) {
    return (error as Error).name
  }
}

test('a place that is taken counts until it is given back, however often that is', async () => {
  const { registry, countOf } = await connected({ fileCount: 3, freeBytes: 1_000 })
  {
    using first = registry.reserve({ sizeBytes: 600 })
    expect([countOf(0), registry.views()[0]?.roomBytes, first.link.isConnected]).toEqual([4, 400, true])
    expect(refusal(() => registry.reserve({ sizeBytes: 600 }))).toBe('INSUFFICIENT_STORAGE')
    expect([registry.hasRoom({ sizeBytes: 600 }), registry.hasRoom({ sizeBytes: 400 })]).toEqual([false, true])
  }
  expect([countOf(0), registry.views()[0]?.roomBytes]).toEqual([3, 1_000])
})

test('simultaneous places go round among equal file-servers', async () => {
  const { registry } = await connected({}, {}, {})
  const places = Array.from({ length: 9 }, () => registry.reserve({ sizeBytes: 1 }))
  const perServer = registry.links.map((link) => places.filter((place) => place.link === link).length)
  expect(perServer).toEqual([3, 3, 3])
  for (const place of places) place[Symbol.dispose]()
  expect(registry.views().map((view) => view.fileCount)).toEqual([3, 3, 3])
})

test('what was stored and deleted counts at once, and not twice when the heartbeat tells it', async () => {
  const { registry, peers, countOf, idOf } = await connected({ fileCount: 3 })
  for (const change of [1, 1, 1, -1] as const) registry.count(idOf(0), change)
  expect(countOf(0)).toBe(5)
  peers[0]?.socket.emit('heartbeat', { ...aHeartbeat, fileCount: 5 })
  await vi.waitFor(() => expect(countOf(0)).toBe(5))
  await vi.waitFor(() => expect(registry.links[0]?.heartbeat.fileCount).toBe(5))
  expect(countOf(0)).toBe(5)
})

test('until a file-server has counted, the records and what changed since are what counts', async () => {
  const { registry, peers, countOf, idOf } = await connected({ fileCount: 1, isInventoryDone: false })
  registry.count(idOf(0), 1)
  expect(countOf(0)).toBe(11)
  peers[0]?.socket.emit('heartbeat', { ...aHeartbeat, fileCount: 2, isInventoryDone: false })
  await vi.waitFor(() => expect(registry.links[0]?.heartbeat.fileCount).toBe(2))
  expect(countOf(0)).toBe(11)
  peers[0]?.socket.emit('heartbeat', { ...aHeartbeat, fileCount: 12 })
  await vi.waitFor(() => expect(countOf(0)).toBe(12))
})

test('all full is another refusal than none there', async () => {
  const { registry, idOf } = await connected({ isWritable: false }, { freeBytes: 10 })
  expect(refusal(() => registry.reserve({ sizeBytes: 11 }))).toBe('INSUFFICIENT_STORAGE')
  expect(refusal(() => registry.reserve({ sizeBytes: 1, exclude: [idOf(0), idOf(1)] }))).toBe('SERVERS_UNAVAILABLE')
  expect(registry.hasRoom({ sizeBytes: 1, exclude: [idOf(1)] })).toBe(false)
})

test('a file-server that has been silent for too long takes nothing until it is heard again', async () => {
  const { registry, peers, links } = await connected({})
  const now = performance.now()
  const clock = vi.spyOn(performance, 'now').mockReturnValue(now + 60_000)
  expect([registry.isActive(links[0] ?? expect.unreachable()), registry.views()[0]?.isActive]).toEqual([false, false])
  expect(refusal(() => registry.reserve({ sizeBytes: 1 }))).toBe('SERVERS_UNAVAILABLE')
  peers[0]?.socket.emit('heartbeat', aHeartbeat)
  await vi.waitFor(() => expect(registry.views()[0]?.isActive).toBe(true))
  clock.mockRestore()
})
