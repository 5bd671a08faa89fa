/** Counts only the time that is spent while it runs, and calls back once all of it is spent. */
export class Allowance {
  readonly #onSpent: () => void
  #leftMs: number
  #runsSince: number | null = null
  #timer: NodeJS.Timeout | undefined

  constructor(ms: number, onSpent: () => void) {
    this.#leftMs = ms
    this.#onSpent = onSpent
  }

  run(): void {
    if (this.#runsSince !== null) return
    this.#runsSince = performance.now()
    this.#timer = setTimeout(this.#onSpent, Math.max(0, this.#leftMs))
  }

  pause(): void {
    if (this.#runsSince === null) return
    clearTimeout(this.#timer)
    this.#leftMs -= performance.now() - this.#runsSince
    this.#runsSince = null
  }
}
