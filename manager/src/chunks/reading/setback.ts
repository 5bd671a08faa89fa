import type { Logger } from '@holdfast/shared/node/logger'

/** A faster way that did not work is left alone for this long, because there is a slower one. */
const RETRY_AFTER_MS = 30_000

/** Tells when something that failed may be tried again, and logs its reason once for as long as it is the same. */
export class Setback {
  readonly #log: Pick<Logger, 'info'>
  readonly #message: string
  #notBefore = 0
  #said = ''

  constructor(log: Pick<Logger, 'info'>, message: string) {
    this.#log = log
    this.#message = message
  }

  get isOver(): boolean {
    return performance.now() >= this.#notBefore
  }

  note(reason: string): void {
    this.#notBefore = performance.now() + RETRY_AFTER_MS
    if (this.#said === reason) return
    this.#said = reason
    this.#log.info({ reason }, this.#message)
  }

  /** Notes that it worked, so that the next failure is logged whatever its reason. */
  forget(): void {
    this.#said = ''
  }
}
