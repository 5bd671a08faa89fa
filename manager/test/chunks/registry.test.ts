import type { Heartbeat } from '@holdfast/shared/wire/shapes'
import { afterEach, expect, test, vi } from 'vitest'
import { FileServerRegistry, type Reservation } from '../../src/chunks/registry.ts'
import { aHeartbeat, linkOf, type ScriptedFileServer, useSocketServer } from './scripted-file-server.ts'

const { start } = useSocketServer()

afterEach(() => {
  vi.restoreAllMocks()
})

/** Connects file-servers with these heartbeats. */
async function connected(...heartbeats: Partial<Heartbeat>[]) {
  const { registry, dial } = await start({ countCopies: async () => 10 })
  const peers = heartbeats.map((fields) => dial({ heartbeat: { ...aHeartbeat, ...fields } }))
  const links = await Promise.all(peers.map((peer) => linkOf(registry, peer)))
  const countOf = (index: number): number | undefined =>
    registry.views().find((view) => view.id === peers[index]?.hello.serverId)?.copyCount
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
  const { registry, countOf } = await connected({ copyCount: 3, freeBytes: 1_000 })
  {
    using first = registry.reserve({ sizeBytes: 600 })
    expect([countOf(0), registry.views()[0]?.roomBytes, first.link.isConnected]).toEqual([4, 400, true])
    expect(refusal(() => registry.reserve({ sizeBytes: 600 }))).toBe('INSUFFICIENT_STORAGE')
    expect([registry.hasRoom({ sizeBytes: 600 }), registry.hasRoom({ sizeBytes: 400 })]).toEqual([false, true])
  }
  expect([countOf(0), registry.views()[0]?.roomBytes]).toEqual([3, 1_000])
})

/** Counts how many in a row are on the same file-server. */
function runsOf(places: readonly Reservation[]): number[] {
  const runs: number[] = []
  for (const [index, { link }] of places.entries()) {
    if (link === places[index - 1]?.link) runs.push((runs.pop() ?? 0) + 1)
    else runs.push(1)
  }
  return runs
}

const nextTurn = () => new Promise(setImmediate)

test('the places of one turn of the event loop are on one file-server, those of the next on another', async () => {
  const { registry } = await connected({}, {}, {})
  const turns: Reservation[][] = []
  for (let turn = 0; turn < 6; turn++) {
    turns.push(Array.from({ length: 5 }, () => registry.reserve({ sizeBytes: 4_096 })))
    await nextTurn()
  }
  expect(turns.map((places) => new Set(places.map(({ link }) => link)).size)).toEqual([1, 1, 1, 1, 1, 1])
  const perServer = registry.links.map((link) => turns.flat().filter((place) => place.link === link).length)
  expect(perServer).toEqual([10, 10, 10])
  for (const place of turns.flat()) place[Symbol.dispose]()
  expect(registry.views().map((view) => view.copyCount)).toEqual([3, 3, 3])
})

test.each([
  ['more than 64', 1, [64, 64, 64, 8]],
  ['more than 256 KiB', 60_000, Array.from({ length: 50 }, () => 4)],
  ['large ones', 300_000, Array.from({ length: 200 }, () => 1)],
])('of %s in one turn only so many go together', async (_what, sizeBytes, expected) => {
  const { registry } = await connected({}, {})
  const places = Array.from({ length: 200 }, () => registry.reserve({ sizeBytes }))
  expect(runsOf(places)).toEqual(expected)
})

test('no more go together than upkeep takes for even', async () => {
  const { registry } = await connected({}, {}, {})
  const [one, other] = registry.links
  if (one === undefined || other === undefined) throw new Error('no links')
  const even = new FileServerRegistry(15_000, { evenWithin: 3 })
  even.add(one, 0)
  even.add(other, 0)
  const places = Array.from({ length: 8 }, () => even.reserve({ sizeBytes: 1 }))
  expect(runsOf(places)).toEqual([3, 3, 2])
})

test('within a turn nothing is placed where it failed, where there is no room, or where nobody is connected any more', async () => {
  const { registry } = await connected({ freeBytes: 10_000 }, { freeBytes: 9_000 })
  const first = registry.reserve({ sizeBytes: 4_000 })
  expect(registry.reserve({ sizeBytes: 4_000 }).link).toBe(first.link)
  expect(registry.reserve({ sizeBytes: 4_000 }).link).not.toBe(first.link)
  await nextTurn()
  const again = registry.reserve({ sizeBytes: 1 })
  expect(registry.reserve({ sizeBytes: 1, exclude: [again.link.id] }).link).not.toBe(again.link)
  await nextTurn()
  const lost = registry.reserve({ sizeBytes: 1 })
  lost.link.disconnect()
  expect(registry.reserve({ sizeBytes: 1 }).link).not.toBe(lost.link)
})

test('the replicas of small chunks of one turn are on the same two file-servers, those of the next turn on others', async () => {
  const { registry } = await connected({}, {}, {}, {})
  const turns: Reservation[][][] = []
  for (let turn = 0; turn < 2; turn++) {
    turns.push(Array.from({ length: 5 }, () => registry.reserveSeveral({ count: 2, sizeBytes: 4_096 })))
    registry.reserve({ sizeBytes: 4_096 })[Symbol.dispose]()
    await nextTurn()
  }
  const serversOf = (places: Reservation[][] | undefined) => new Set(places?.flat().map(({ link }) => link.id))
  expect(turns.map((places) => serversOf(places).size)).toEqual([2, 2])
  expect(new Set(turns.flat(2).map(({ link }) => link)).size).toBe(4)
  expect(registry.views().map((view) => view.copyCount)).toEqual([8, 8, 8, 8])
})

test('as many places as there are will do, but not fewer than wished for at least', async () => {
  const { registry, idOf } = await connected({}, { freeBytes: 10 })
  const several = (wish: object) => registry.reserveSeveral({ count: 2, sizeBytes: 11, ...wish })
  expect(several({}).map(({ link }) => link.id)).toEqual([idOf(0)])
  expect(several({ sizeBytes: 10 })).toHaveLength(2)
  expect(refusal(() => several({ least: 2 }))).toBe('INSUFFICIENT_STORAGE')
  expect(refusal(() => several({ least: 2, exclude: [idOf(1)] }))).toBe('SERVERS_UNAVAILABLE')
})

test('within a turn no replica goes to a zone that has one', async () => {
  const { registry, links } = await connected({}, {})
  const first = registry.reserve({ sizeBytes: 1 }).link
  const other = registry.reserve({ sizeBytes: 1, zones: [first.zone] }).link
  expect(links).toContain(other)
  expect(other.zone).not.toBe(first.zone)
})

test('what was stored and deleted counts at once, and not twice when the heartbeat tells it', async () => {
  const { registry, peers, countOf, idOf } = await connected({ copyCount: 3 })
  for (const change of [1, 1, 1, -1] as const) registry.count(idOf(0), change)
  expect(countOf(0)).toBe(5)
  await peers[0]?.send('heartbeat', { ...aHeartbeat, copyCount: 5 })
  await vi.waitFor(() => expect(countOf(0)).toBe(5))
  await vi.waitFor(() => expect(registry.links[0]?.heartbeat.copyCount).toBe(5))
  expect(countOf(0)).toBe(5)
})

test('until a file-server has counted, the records and what changed since are what counts', async () => {
  const { registry, peers, countOf, idOf } = await connected({ copyCount: 1, isInventoryDone: false })
  registry.count(idOf(0), 1)
  expect(countOf(0)).toBe(11)
  await peers[0]?.send('heartbeat', { ...aHeartbeat, copyCount: 2, isInventoryDone: false })
  await vi.waitFor(() => expect(registry.links[0]?.heartbeat.copyCount).toBe(2))
  expect(countOf(0)).toBe(11)
  await peers[0]?.send('heartbeat', { ...aHeartbeat, copyCount: 12 })
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
  await peers[0]?.send('heartbeat', aHeartbeat)
  await vi.waitFor(() => expect(registry.views()[0]?.isActive).toBe(true))
  clock.mockRestore()
})
