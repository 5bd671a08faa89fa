/** Counts by keys. */
export class Tally<Key> {
  readonly #counts = new Map<Key, number>()

  has(key: Key): boolean {
    return this.#counts.has(key)
  }

  add(key: Key): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
  }

  remove(key: Key): void {
    const left = (this.#counts.get(key) ?? 0) - 1
    if (left > 0) this.#counts.set(key, left)
    else this.#counts.delete(key)
  }
}
