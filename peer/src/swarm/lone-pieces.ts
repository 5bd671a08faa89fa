import type Wire from 'bittorrent-protocol'
import type { Torrent } from 'webtorrent'

/** Whoever has not sent a piece within this time makes place for another; each has twice the time of the one before. */
const FIRST_PATIENCE_MS = 60_000

interface Attempt {
  readonly wire: Wire | null
  readonly patienceMs: number
  readonly until: number
}

/** Has pieces loaded from one source alone, whoever asks first for a block of it, so that it is known who sent what is wrong. */
export class LonePieces {
  readonly #torrent: Torrent
  readonly #onRestart: (index: number) => void
  readonly #attempts = new Map<number, Attempt>()

  /** @param onRestart hears that what has arrived of a piece is thrown away */
  constructor(torrent: Torrent, onRestart: (index: number) => void) {
    this.#onRestart = onRestart
    this.#torrent = torrent
    const request = torrent._request
    torrent._request = (wire, index, hotswap) => {
      if (!this.#mayAsk(wire, index)) return false
      const isAsked = request.call(torrent, wire, index, hotswap)
      if (isAsked) this.#noteAsked(wire, index)
      return isAsked
    }
  }

  add(index: number): void {
    this.#attempts.set(index, { wire: null, patienceMs: FIRST_PATIENCE_MS, until: 0 })
  }

  delete(index: number): void {
    this.#attempts.delete(index)
  }

  #mayAsk(wire: Wire, index: number): boolean {
    const attempt = this.#attempts.get(index)
    if (attempt === undefined || attempt.wire === null) return true
    const { wires, pieces } = this.#torrent
    if (wires.includes(attempt.wire) && !attempt.wire.peerChoking) {
      if (performance.now() < attempt.until) return attempt.wire === wire
      const isOther = (other: Wire) => other !== wire && !other.peerChoking && other.peerPieces.get(index)
      if (attempt.wire === wire && wires.some(isOther)) return false
    }
    // What another has sent of it is not taken for this one's.
    const piece = pieces[index]
    if (piece) pieces[index] = new piece.constructor(piece.length)
    this.#onRestart(index)
    this.#attempts.set(index, { ...attempt, wire: null })
    return true
  }

  #noteAsked(wire: Wire, index: number): void {
    const attempt = this.#attempts.get(index)
    if (attempt === undefined || attempt.wire !== null) return
    const { patienceMs } = attempt
    this.#attempts.set(index, { wire, patienceMs: 2 * patienceMs, until: performance.now() + patienceMs })
  }
}
