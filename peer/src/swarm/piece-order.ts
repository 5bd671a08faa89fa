import type Wire from 'bittorrent-protocol'
import type { Torrent } from 'webtorrent'

/** How rare pieces are is looked at again this often, because peers come and go and load pieces themselves. */
const SORT_EVERY_MS = 1_000
/** Other peers take over the blocks asked of a peer that sends less than this; the number is webtorrent's. */
const SLOW_BYTES_PER_SECOND = 48 * 1024

type OrderedTorrent = Pick<Torrent, 'bitfield' | 'pieces' | 'wires' | '_rarityMap' | '_request'>

/** Says whether a peer that has room for further requests can be asked for a piece. */
type Filter = (index: number) => boolean

/**
 * Chooses the piece that a peer is asked for: one that is begun, else the rarest. webtorrent begins another one for every few
 * blocks, so that with a slow peer most of a file is in memory, and lost by a crash, before the first piece is whole; and it
 * looks at all pieces for each choice.
 */
export class PieceOrder {
  readonly #torrent: OrderedTorrent
  readonly #shuffled: readonly number[]
  readonly #now: () => number
  /** These pieces are begun and may have blocks that nobody is asked for; the oldest stand first. */
  #begun = new Set<number>()
  /** All blocks of these pieces were asked for. */
  #taken = new Set<number>()
  /** Lists pieces, the rarest first; before `#from` there is none that can be begun. */
  #others: readonly number[]
  #from = 0
  #sortedAt = Number.NEGATIVE_INFINITY

  /** @param torrent its pieces are known */
  constructor(torrent: OrderedTorrent, now = () => performance.now()) {
    this.#torrent = torrent
    this.#now = now
    this.#shuffled = shuffle(torrent.pieces.length)
    this.#others = this.#shuffled
  }

  /** Takes the place of webtorrent's own choice. */
  install(): void {
    const { _rarityMap: own } = this.#torrent
    if (own !== null) own.getRarestPiece = (filter) => this.choose(filter)
  }

  /** @returns -1 where there is none */
  choose(filter: Filter): number {
    if (this.#now() - this.#sortedAt > SORT_EVERY_MS) this.#sort()
    return this.#chooseBegun(filter) ?? this.#chooseOther(filter) ?? -1
  }

  /** Once all is asked for, has fast peers take over what slow ones were asked for. webtorrent looks for that at each block. */
  takeOver(): void {
    if (this.#begun.size > 0 || this.#from < this.#others.length) return
    const { wires } = this.#torrent
    const isSlow = (wire: Wire): boolean => wire.downloadSpeed() < SLOW_BYTES_PER_SECOND
    const late = new Set(wires.filter(isSlow).flatMap(({ requests }) => requests.map(({ piece }) => piece)))
    if (late.size === 0) return
    for (const wire of wires)
      for (const index of late)
        while (wire.peerPieces.get(index) && !isSlow(wire) && this.#torrent._request(wire, index, true));
  }

  #chooseBegun(filter: Filter): number | null {
    for (const index of this.#begun) {
      if (this.#hasRoom(index)) {
        if (filter(index)) return index
        continue
      }
      this.#begun.delete(index)
      this.#taken.add(index)
    }
    return null
  }

  #chooseOther(filter: Filter): number | null {
    for (let at = this.#from; at < this.#others.length; at++) {
      const index = this.#others[at] ?? -1
      if (this.#begun.has(index) || this.#taken.has(index) || this.#torrent.bitfield.get(index)) {
        if (at === this.#from) this.#from += 1
      } else if (filter(index)) {
        this.#begun.add(index)
        return index
      }
    }
    return null
  }

  #sort(): void {
    const { bitfield, _rarityMap: own } = this.#torrent
    const byRarity: number[][] = []
    for (const index of this.#shuffled) {
      if (bitfield.get(index)) continue
      const holders = Math.max(own?._pieces[index] ?? 0, 0)
      const same = byRarity[holders] ?? []
      byRarity[holders] = same
      same.push(index)
    }
    this.#others = byRarity.flat()
    this.#from = 0
    // Some of them may have room again: a peer that was asked has gone, or the piece was wrong.
    this.#begun = new Set([...this.#taken, ...this.#begun].filter((index) => !bitfield.get(index)))
    this.#taken = new Set()
    this.#sortedAt = this.#now()
  }

  #hasRoom(index: number): boolean {
    const piece = this.#torrent.pieces[index]
    return piece != null && (piece._reservations < piece._chunks || (piece._cancellations?.length ?? 0) > 0)
  }
}

/** @returns the numbers below one, in any order */
function shuffle(count: number): number[] {
  const numbers = [...Array(count).keys()]
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1))
    ;[numbers[last], numbers[other]] = [numbers[other] ?? 0, numbers[last] ?? 0]
  }
  return numbers
}
