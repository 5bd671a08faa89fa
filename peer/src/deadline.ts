import { FollowingAbort } from '@holdfast/shared/following-abort'

/** Fires when another signal does, or after so long. */
export class Deadline extends FollowingAbort {
  readonly #timer: NodeJS.Timeout

  constructor(leader: AbortSignal, afterMs: number) {
    super(leader)
    this.#timer = setTimeout(() => this.abort(new Error(`no answer has come within ${afterMs / 1_000} s`)), afterMs)
  }

  override [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    super[Symbol.dispose]()
  }
}
