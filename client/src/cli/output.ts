import type { Writable } from 'node:stream'
import { systemReason } from '../node/system-error.ts'
import { exitCodes, isClosedPipe } from './exit-code.ts'

/** Standard output may be closed or full at any time, and a print to it may fail while nobody waits for it. */
export class Output {
  readonly #stdout: Writable
  readonly #stderr: Writable
  #failure: unknown = null

  constructor(stdout: Writable, stderr: Writable) {
    this.#stdout = stdout
    this.#stderr = stderr
    stdout.on('error', (error) => {
      this.#failure ??= error
    })
    // When standard error fails too, there is nobody left to tell.
    stderr.on('error', () => undefined)
  }

  /** Waits for everything printed, and reports on standard error if that failed. @returns the exit code */
  async end(exitCode: number): Promise<number> {
    await new Promise<void>((resolve) => this.#stdout.write('', () => setImmediate(resolve)))
    if (this.#failure === null || isClosedPipe(this.#failure)) return exitCode
    this.#stderr.write(`holdfast: standard output: ${systemReason(this.#failure)}\n`)
    return exitCode === 0 ? exitCodes.error : exitCode
  }

  /** @returns whether `end` reports this error, or nobody needs to hear of it. */
  isFailure(error: unknown): boolean {
    return error === this.#failure || isClosedPipe(error)
  }
}
