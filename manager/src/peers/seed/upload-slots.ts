/** Such a connection can be told that it may ask for blocks. */
export interface Interested {
  unchoke(): void
}

/** Lets so many peers ask for blocks at once. Others wait for their turn, in the order in which they came. */
export class UploadSlots {
  readonly #most: number
  readonly #holders = new Set<Interested>()
  readonly #waiting = new Set<Interested>()

  constructor(most: number) {
    this.#most = most
  }

  has(peer: Interested): boolean {
    return this.#holders.has(peer)
  }

  /** Lets a peer ask for blocks as soon as there is a slot. */
  want(peer: Interested): void {
    if (this.has(peer)) return
    this.#waiting.add(peer)
    this.#fill()
  }

  leave(peer: Interested): void {
    this.#waiting.delete(peer)
    if (this.#holders.delete(peer)) this.#fill()
  }

  #fill(): void {
    for (const peer of this.#waiting) {
      if (this.#holders.size >= this.#most) return
      this.#waiting.delete(peer)
      this.#holders.add(peer)
      peer.unchoke()
    }
  }
}
