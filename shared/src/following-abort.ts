/**
 * Its signal fires when another one does, or when it is told to. Node keeps something of each `AbortSignal.any` for as long as
 * its sources live, which is too long where one of them ends with the process: this one is forgotten when it is disposed.
 */
export class FollowingAbort implements Disposable {
  readonly #leader: AbortSignal
  readonly #own = new AbortController()
  readonly #follow = (): void => this.#own.abort(this.#leader.reason)

  constructor(leader: AbortSignal) {
    this.#leader = leader
    if (leader.aborted) this.#follow()
    else leader.addEventListener('abort', this.#follow, { once: true })
  }

  get signal(): AbortSignal {
    return this.#own.signal
  }

  abort(reason?: unknown): void {
    this.#own.abort(reason)
  }

  [Symbol.dispose](): void {
    this.#leader.removeEventListener('abort', this.#follow)
  }
}
