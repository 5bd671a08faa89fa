/** Its numbers look random and are the same for the same seed (mulberry32), so that a failure can be played again. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** @returns a number of at least 0 and less than 1 */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** @returns a whole number of at least 0 and less than `limit` */
  int(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  pick<T>(list: readonly [T, ...T[]]): T {
    return list[this.int(list.length)] ?? list[0]
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.int(256)))
  }

  text(count: number, alphabet: string): string {
    return Array.from({ length: count }, () => alphabet[this.int(alphabet.length)]).join('')
  }

  /** @returns the bytes with one to three of them changed */
  flip(bytes: Buffer): Buffer {
    const changed = Buffer.from(bytes)
    for (let count = 1 + this.int(3); count > 0; count--) {
      const position = this.int(changed.length)
      changed[position] = this.pick([
        () => this.int(256),
        () => (changed[position] ?? 0) ^ (1 << this.int(8)),
        () => Buffer.from('{}[]":,\\/u&=%+- \n\0').at(this.int(18)) ?? 0,
      ])()
    }
    return changed
  }
}
