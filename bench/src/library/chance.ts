/** Makes numbers that look random and are the same in every run (mulberry32). */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** @returns a number from 0 on, below 1 */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** @returns a whole number from `least` to `most`, both within */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1))
  }

  is(probability: number): boolean {
    return this.next() < probability
  }

  /** @param slope how much likelier the first ones are: 1 for equally likely */
  pick<T>(list: readonly T[], slope = 1): T {
    const picked = list[Math.floor(this.next() ** slope * list.length)]
    if (picked === undefined) throw new Error('there is nothing to pick from')
    return picked
  }

  /** @returns a number whose logarithm is normally distributed */
  logNormal(median: number, deviation: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next())
    return median * Math.exp(deviation * normal)
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    for (let at = 0; at < length; at++) bytes[at] = this.next() * 256
    return bytes
  }
}
