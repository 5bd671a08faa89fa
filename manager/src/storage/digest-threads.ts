import { availableParallelism } from 'node:os'
import { type Digested, DigestThread } from './digest-thread.ts'

/** A download fetches two parts at once. Where the processor has no instructions for SHA-256, it waits for their digests. */
const MAX_THREADS = 2

/** A part goes to the thread with the least to do, so the second one starts when the first has work. */
export class DigestThreads {
  readonly #threads: readonly DigestThread[]

  constructor(count = Math.min(MAX_THREADS, availableParallelism())) {
    this.#threads = Array.from({ length: count }, () => new DigestThread())
  }

  /** As `DigestThread.digest`. */
  async digest(bytes: Buffer): Promise<Digested> {
    return this.#threads.reduce((a, b) => (b.waitingCount < a.waitingCount ? b : a)).digest(bytes)
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()))
  }
}
