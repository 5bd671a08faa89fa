import { StoreError } from '@holdfast/shared/errors/store-error'

/** Lets in only so many at once, for each holds memory. */
export class Gate {
  readonly #limit: number
  #count = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** @throws OVERLOADED */
  enter(): Disposable {
    if (this.#count >= this.#limit) throw new StoreError('OVERLOADED')
    this.#count++
    return {
      [Symbol.dispose]: () => {
        this.#count--
      },
    }
  }
}
