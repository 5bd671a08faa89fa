const SECONDS = 10

/** Tells how many bytes a second there were in the last seconds. */
export class RateMeter {
  readonly #bytesBySecond = new Map<number, number>()

  add(bytes: number): void {
    const second = Math.floor(performance.now() / 1_000)
    this.#bytesBySecond.set(second, (this.#bytesBySecond.get(second) ?? 0) + bytes)
    for (const old of this.#bytesBySecond.keys()) if (old < second - SECONDS) this.#bytesBySecond.delete(old)
  }

  get bytesPerSecond(): number {
    const second = Math.floor(performance.now() / 1_000)
    const recent = [...this.#bytesBySecond].filter(([at]) => at >= second - SECONDS && at < second)
    const first = Math.min(second - 1, ...recent.map(([at]) => at))
    return Math.round(recent.reduce((sum, [, bytes]) => sum + bytes, 0) / (second - first))
  }

  /** @returns null where that cannot be told */
  secondsFor(bytes: number | null): number | null {
    if (bytes === 0) return 0
    const rate = this.bytesPerSecond
    return bytes === null || rate === 0 ? null : Math.ceil(bytes / rate)
  }
}
