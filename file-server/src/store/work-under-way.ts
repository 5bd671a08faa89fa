/** Knows what has begun and not ended, so that a close can wait for it. */
export class WorkUnderWay {
  readonly #running = new Set<Promise<unknown>>()

  get count(): number {
    return this.#running.size
  }

  /** @returns the work itself */
  track<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work)
    const forget = (): void => {
      this.#running.delete(work)
    }
    work.then(forget, forget)
    return work
  }

  /** Resolves when all that has begun by now has ended, well or not. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running)
  }
}
