import type Wire from 'bittorrent-protocol'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Torrent, UnfinishedPiece } from 'webtorrent'
import { LonePieces } from '../../src/swarm/lone-pieces.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** A torrent of two pieces, whose second is loaded from one alone. All have all of it. */
function loading() {
  const wireOf = () => ({ peerChoking: false, peerPieces: { get: () => true } })
  const wires = [wireOf(), wireOf(), wireOf()]
  const Piece = class {
    readonly length = 5
  } as unknown as UnfinishedPiece['constructor']
  const asked = vi.fn((..._: unknown[]) => true)
  const torrent = { wires, pieces: [new Piece(5), new Piece(5)], _request: asked as Torrent['_request'] }
  const restarted = vi.fn()
  const lone = new LonePieces(torrent as unknown as Torrent, restarted)
  lone.add(1)
  const ask = (wire: number, piece = 1) => torrent._request(wires[wire] as unknown as Wire, piece, false)
  return { ask, lone, torrent, wires, restarted }
}

test('whoever is asked first for a block of it is asked for all of it, and others for other pieces', () => {
  const { ask, lone } = loading()
  expect([ask(1), ask(0), ask(1), ask(2), ask(0, 0)]).toEqual([true, false, true, false, true])
  lone.delete(1)
  expect(ask(0)).toBe(true)
})

test('whoever does not send it in a minute makes place for another, and has longer the second time', () => {
  const { ask, torrent, restarted } = loading()
  const [, before] = torrent.pieces
  ask(1)
  vi.advanceTimersByTime(59_000)
  expect(ask(0)).toBe(false)
  vi.advanceTimersByTime(2_000)
  // He himself is not asked again while there is another.
  expect(ask(1)).toBe(false)
  expect(restarted).not.toHaveBeenCalled()
  expect(ask(0)).toBe(true)
  expect(restarted).toHaveBeenCalledWith(1)
  expect(torrent.pieces[1]).not.toBe(before)
  vi.advanceTimersByTime(119_000)
  expect(ask(2)).toBe(false)
  vi.advanceTimersByTime(2_000)
  expect(ask(2)).toBe(true)
})

test('whoever has gone or sends nothing any more keeps nobody waiting', () => {
  const { ask, wires } = loading()
  ask(1)
  Object.assign(wires[1] ?? {}, { peerChoking: true })
  expect(ask(0)).toBe(true)
  wires.splice(0, 1)
  expect(ask(1)).toBe(true)
})

test('the only one who has it is asked again', () => {
  const { ask, wires } = loading()
  ask(1)
  for (const other of [0, 2]) Object.assign(wires[other] ?? {}, { peerChoking: true })
  vi.advanceTimersByTime(61_000)
  expect(ask(1)).toBe(true)
})
