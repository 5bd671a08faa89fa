/** A step that takes longer says that it is under way. */
const SILENT_MS = 1_000

/** Prints what a person at the console reads of a start. */
export class Progress {
  readonly #write: (line: string) => void

  constructor(write: (line: string) => void) {
    this.#write = write
  }

  line(text: string): void {
    this.#write(text)
  }

  /** Prints one line when the step is done, with the time it took. */
  async step<T>(doing: string, work: Promise<T>, done: (result: T) => string): Promise<T> {
    const startedAt = performance.now()
    const timer = setTimeout(() => this.#write(`  ${doing} ...`), SILENT_MS)
    try {
      const result = await work
      this.#write(`  ${done(result)} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`)
      return result
    } finally {
      clearTimeout(timer)
    }
  }
}
