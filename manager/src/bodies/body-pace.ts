/** A client that keeps to this pace is served, however long it takes. */
export const SLOWEST_BYTES_PER_SECOND = 512

/** No longer patience can be set, so that a frame's worth comes well before the file-server gives the upload up. */
export const MAX_PATIENCE_MS = 3_600_000

/** Tells a slow client from one that only pretends to send. Only time spent waiting for the client counts. */
export class BodyPace {
  readonly #patienceMs: number
  #behindMs = 0

  /**
   * @param patienceMs how far behind the slowest pace a client may fall, which is the longest pause of one that was fast
   * before
   */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs
  }

  /** The reader waits at most this long before it calls `noteWait`. */
  get nextWaitMs(): number {
    return Math.max(1, Math.ceil(this.#patienceMs - this.#behindMs))
  }

  noteBytes(count: number): void {
    this.#behindMs = Math.max(0, this.#behindMs - (count / SLOWEST_BYTES_PER_SECOND) * 1000)
  }

  /** @returns whether the client is still fast enough */
  noteWait(elapsedMs: number): boolean {
    this.#behindMs += elapsedMs
    return this.#behindMs < this.#patienceMs
  }
}
