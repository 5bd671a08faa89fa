/** Work on one key goes one after the other, in the order of asking; work on different keys side by side. */
export class KeyedLock<Key> {
  readonly #tails = new Map<Key, Promise<unknown>>()

  async run<T>(key: Key, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key)
    const running = (before === undefined ? Promise.resolve() : Promise.allSettled([before])).then(work)
    this.#tails.set(key, running)
    try {
      return await running
    } finally {
      if (this.#tails.get(key) === running) this.#tails.delete(key)
    }
  }
}
