import type { Writable } from 'node:stream'
import { systemReason } from '../node/system-error.ts'
import { exitCodes, isClosedPipe } from './exit-code.ts'

/** Standard output may be closed or full at any time, and whatever was printed there may fail without anyone waiting for it. */
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
    // There is nobody left to tell.
    stderr.on('error', () => undefined)
  }

  /** Waits for what was printed, and says what became of it where that is worth a sentence. @returns the exit code */
  async end(exitCode: number): Promise<number> {
    await new Promise<void>((resolve) => this.#stdout.write('', () => setImmediate(resolve)))
    if (this.#failure === null || isClosedPipe(this.#failure)) return exitCode
    this.#stderr.write(`holdfast: standard output: ${systemReason(this.#failure)}\n`)
    return exitCode === 0 ? exitCodes.error : exitCode
  }

  /** Whether `end` says it, or nobody needs to. */
  isFailure(error: unknown): boolean {
    return error === this.#failure || isClosedPipe(error)
  }
}
