interface PaceSpan {
  readonly begunAt: number
  bytes: number
  waitedMs: number
}

/** Tells how fast a sender is, by this chunk and the one before. The time in which it waited for memory does not count. */
export class SenderPace {
  #before: PaceSpan | undefined
  #span: PaceSpan = { begunAt: performance.now(), bytes: 0, waitedMs: 0 }
  #lastAt = performance.now()

  get lastAt(): number {
    return this.#lastAt
  }

  noteBytes(bytes: number): void {
    this.#lastAt = performance.now()
    this.#span.bytes += bytes
  }

  noteWait(elapsedMs: number): void {
    this.#span.waitedMs += elapsedMs
  }

  beginChunk(): void {
    this.#before = this.#span
    this.#span = { begunAt: performance.now(), bytes: 0, waitedMs: 0 }
  }

  /** @param until the end of the time that counts, in which the sender may have begun to wait */
  bytesPerMs(until: number): number {
    const spans = this.#before === undefined ? [this.#span] : [this.#before, this.#span]
    const begunAt = spans[0]?.begunAt ?? until
    const waitedMs = spans.reduce((sum, span) => sum + span.waitedMs, 0)
    return spans.reduce((sum, span) => sum + span.bytes, 0) / Math.max(1, until - begunAt - waitedMs)
  }
}
