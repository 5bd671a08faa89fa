import type Wire from 'bittorrent-protocol'
import { expect, test } from 'vitest'
import type { UnfinishedPiece } from 'webtorrent'
import { PieceOrder } from '../../src/swarm/piece-order.ts'

/** Pieces of four blocks each. @param holders so many peers have each of them */
function torrentOf(holders: number[]) {
  const pieces = holders.map(() => ({ _chunks: 4, _reservations: 0, _cancellations: null as number[] | null }))
  const torrent = {
    bitfield: { get: () => false },
    pieces: pieces as unknown as UnfinishedPiece[],
    _rarityMap: { _pieces: holders, getRarestPiece: () => -1 },
    wires: [] as Wire[],
    _request: (..._: unknown[]) => false,
  }
  let now = 0
  const order = new PieceOrder(torrent, () => now)
  return {
    torrent,
    order,
    pass: (ms: number) => {
      now += ms
    },
    give: (index: number, changes: object) => Object.assign(pieces[index] ?? {}, changes),
    /** Asks for one block of the piece that is chosen. @returns which it was */
    ask(filter: (index: number) => boolean = () => true) {
      const index = order.choose(filter)
      const piece = pieces[index]
      if (piece !== undefined) piece._reservations += 1
      return index
    },
  }
}

test('a piece that is begun is asked for until nothing of it is left, whoever asks, and only then another', () => {
  const { ask } = torrentOf(Array(1_000).fill(1))
  const asked = Array.from({ length: 400 }, () => ask())
  expect(new Set(asked).size).toBe(100)
  for (const [at, index] of asked.entries()) expect(index).toBe(asked[at - (at % 4)])
})

test('of those that are not begun the rarest is the first, and of equally rare ones any', () => {
  const { ask } = torrentOf([3, 1, 2, 3, 1, 3])
  const asked = Array.from({ length: 24 }, () => ask()).filter((_, at) => at % 4 === 0)
  expect(asked.slice(0, 3).map((index) => [1, 4].includes(index))).toEqual([true, true, false])
  expect(asked[2]).toBe(2)
  const firsts = Array.from({ length: 100 }, () => torrentOf([1, 1, 1]).ask())
  expect(new Set(firsts).size).toBe(3)
})

test('a peer without the piece that is begun gets another, and what becomes rarer is noticed', () => {
  const { torrent, ask, pass } = torrentOf([1, 2, 3])
  expect(ask()).toBe(0)
  expect(ask((index) => index !== 0)).toBe(1)
  torrent._rarityMap._pieces = [1, 5, 3]
  pass(1_001)
  expect(ask((index) => index > 1)).toBe(2)
  expect(ask()).toBe(0)
})

test('blocks that were given up are asked for before anything new', () => {
  const { ask, give, pass } = torrentOf([1, 2, 3])
  for (let block = 0; block < 4; block++) expect(ask()).toBe(0)
  expect(ask()).toBe(1)
  give(0, { _cancellations: [2] })
  pass(1_001)
  expect(ask()).toBe(0)
})

test('when all is asked for a fast peer takes over what a slow one was asked for, and not before', () => {
  const { torrent, order, ask } = torrentOf([1, 1])
  const wire = (bytesPerSecond: number, pieces: number[]) => ({
    ...{ downloadSpeed: () => bytesPerSecond, peerPieces: { get: () => true } },
    requests: pieces.map((piece) => ({ piece })),
  })
  const [slow, fast, faster] = [wire(1_000, [1]), wire(100_000, [0]), wire(200_000, [])]
  const wires = torrent.wires as unknown[]
  wires.push(slow, fast, faster)
  const taken: unknown[] = []
  torrent._request = (...request: unknown[]) => {
    taken.push(request)
    return taken.length % 2 !== 0
  }
  for (let block = 0; block < 8; block++) {
    order.takeOver()
    expect(taken).toEqual([])
    ask()
  }
  expect(ask()).toBe(-1)
  order.takeOver()
  expect(taken).toEqual([fast, fast, faster, faster].map((one) => [one, 1, true]))
})
