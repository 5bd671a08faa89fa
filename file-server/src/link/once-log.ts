import type { Logger } from '@holdfast/shared/node/logger'

/** Logs a problem once for as long as it stays the same. */
export class OnceLog {
  readonly #log: Logger
  #last = ''

  constructor(log: Logger) {
    this.#log = log
  }

  say(level: 'warn' | 'error', fields: Record<string, unknown>, message: string): void {
    const problem = JSON.stringify([message, fields])
    if (problem !== this.#last) this.#log[level](fields, message)
    this.#last = problem
  }

  /** Ends the problem, so that the next one is logged even if it is the same. */
  forget(): void {
    this.#last = ''
  }
}
