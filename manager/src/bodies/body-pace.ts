/** A client that keeps to it is served, however long it takes. */
export const SLOWEST_BYTES_PER_SECOND = 512

/** The longest patience that can be set: a frame's worth comes well before the file-server gives the upload up. */
export const MAX_PATIENCE_MS = 3_600_000

/** Tells a slow client from one that only pretends to send. Only time spent waiting for the client counts. */
export class BodyPace {
  readonly #patienceMs: number
  #behindMs = 0

  /** @param patienceMs how far behind the slowest pace a client may fall: the longest pause of one that was fast before. */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs
  }

  /** How long to wait at most before `noteWait`. */
  get nextWaitMs(): number {
    return Math.max(1, Math.ceil(this.#patienceMs - this.#behindMs))
  }

  noteBytes(count: number): void {
    this.#behindMs = Math.max(0, this.#behindMs - (count / SLOWEST_BYTES_PER_SECOND) * 1000)
  }

  /** @returns whether the client is still fast enough. */
  noteWait(elapsedMs: number): boolean {
    this.#behindMs += elapsedMs
    return this.#behindMs < this.#patienceMs
  }
}
