/** A store answers when what it was sent is durable, for which it may take two minutes, and longer for what is large. */
const ANSWER_PATIENCE_MS = 180_000
const SLOWEST_BYTES_PER_MS = 4_096

/** Ends a request on which nothing has moved for a time. Its signal also follows the caller's. */
export class IdleWatch implements Disposable {
  readonly signal: AbortSignal
  readonly #controller = new AbortController()
  readonly #over = new AbortController()
  readonly #limitMs: number
  #runningMs: number
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(limitMs: number, signal?: AbortSignal) {
    this.#limitMs = limitMs
    this.#runningMs = limitMs
    this.signal = signal === undefined ? this.#controller.signal : AbortSignal.any([this.#controller.signal, signal])
    this.touch()
  }

  /** This signal fires at the end of the call, however it ends. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  get hasExpired(): boolean {
    return this.#controller.signal.aborted
  }

  /** Gives the time that runs, or ran out. */
  get runningMs(): number {
    return this.#runningMs
  }

  /** Starts the time anew, because something moved or is waited for from here on. */
  touch(): void {
    this.#start(this.#limitMs)
  }

  /** Starts the time for an answer, because the whole body, of that many bytes, has been handed over. */
  awaitAnswer(sentBytes: number): void {
    this.#start(Math.max(this.#limitMs, ANSWER_PATIENCE_MS + Math.ceil(sentBytes / SLOWEST_BYTES_PER_MS)))
  }

  /** Stops the time while it is the caller's turn, because a slow source or reader is no fault of the server. */
  pause(): void {
    clearTimeout(this.#timer)
  }

  #start(ms: number): void {
    this.pause()
    // A body may still be pulled after its request was answered, and must not start an ended watch again.
    if (this.#over.signal.aborted) return
    this.#runningMs = ms
    this.#timer = setTimeout(() => this.#controller.abort(), ms)
  }

  [Symbol.dispose](): void {
    this.pause()
    this.#over.abort()
  }
}
