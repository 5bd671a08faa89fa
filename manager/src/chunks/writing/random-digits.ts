import { randomBytes } from 'node:crypto'

/** Drawn at once: a draw of its own for every file costs more than all else about its name. Bytes. */
const DRAWN_BYTES = 4_096

/** Hexadecimal digits, so many at a time, none used twice. */
export class RandomDigits {
  readonly #count: number
  #drawn = ''
  #used = 0

  constructor(count: number) {
    this.#count = count
  }

  next(): string {
    if (this.#used + this.#count > this.#drawn.length) {
      this.#drawn = randomBytes(DRAWN_BYTES).toString('hex')
      this.#used = 0
    }
    this.#used += this.#count
    return this.#drawn.slice(this.#used - this.#count, this.#used)
  }
}
