import type { Caller } from '../writing/store-copy.ts'
import type { HedgeBudget } from './hedge-budget.ts'

/** Where nothing arrives for so long, the next source is asked as well, as far as there are hedges. */
const HEDGE_AFTER_MS = 300
/** Where nothing arrives for so long, the next source is asked in any case. */
const SILENCE_MS = 2_000

/** A source has its turn from when it is asked until it answers or is given up, and may answer even then. */
export interface Turn extends Caller {
  /** Fires when the caller is gone or the turn is given up. */
  readonly signal: AbortSignal
  readonly isGivenUp: boolean
  /** Has to be called whenever something arrives. */
  hear(): void
}

/** A source is one of several places that may give the same answer. */
export interface Source<T> {
  /** @returns null where it does not give the answer @throws only where nobody wants an answer any more */
  readonly ask: (turn: Turn) => Promise<T | null>
  /** Is called when the answer is not waited for any longer. */
  readonly onGivenUp: () => void
  /** Is called when nothing has arrived for so long that the source counts as silent. */
  readonly onSilence: (quietMs: number) => void
  /** Takes an answer that came after another one. */
  readonly onLate: (answer: T) => void
}

/**
 * Asks one source after the other, each when the one before it has failed or stays quiet, until one gives the answer. The
 * others are told to end. Only a hedge is asked beside one that goes on; one that was silent is given up when the next is
 * asked, and asked again, to wait until it ends, where all others fail.
 */
export async function askInTurn<T>(
  sources: readonly Source<T>[],
  hedges: HedgeBudget,
  caller: Caller,
): Promise<T | null> {
  const [only, ...others] = sources
  if (only === undefined) return null
  if (others.length === 0) return only.ask(patient(caller))
  hedges.notePart()
  const turns = new Turns(sources, hedges, caller)
  const answer = await turns.first()
  if (answer !== null) return answer
  for (const source of turns.givenUp) {
    const late = await source.ask(patient(caller))
    if (late !== null) return late
  }
  return null
}

/** Gives a source the time that it takes. */
function patient({ signal }: Caller): Turn {
  return { signal, isGivenUp: false, hear: () => undefined }
}

interface Settle<T> {
  readonly resolve: (answer: T | null) => void
  readonly reject: (error: unknown) => void
}

class Turns<T> {
  /** These were silent, and did not answer after all. */
  readonly givenUp: Source<T>[] = []
  readonly #waiting: Source<T>[]
  readonly #budget: HedgeBudget
  readonly #caller: Caller
  readonly #running = new Map<WatchedTurn, Source<T>>()
  readonly #hedges: Disposable[] = []
  #settle: Settle<T> | null = null

  constructor(sources: readonly Source<T>[], budget: HedgeBudget, caller: Caller) {
    this.#waiting = [...sources]
    this.#budget = budget
    this.#caller = caller
  }

  /** @returns null where no source gave the answer */
  first(): Promise<T | null> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
      this.#askNext()
    })
  }

  #askNext(): void {
    const source = this.#waiting.shift()
    if (source === undefined) return
    const turn = new WatchedTurn(this.#caller)
    this.#running.set(turn, source)
    turn.watch(() => this.#lookAt(source, turn))
    source.ask(turn).then(
      (answer) => this.#take(source, turn, answer),
      (error: unknown) => this.#end((settle) => settle.reject(error)),
    )
  }

  #take(source: Source<T>, turn: WatchedTurn, answer: T | null): void {
    this.#running.delete(turn)
    turn.unwatch()
    if (this.#settle === null) {
      if (answer !== null) source.onLate(answer)
    } else if (answer !== null) {
      this.#end(({ resolve }) => resolve(answer))
    } else {
      if (turn.isGivenUp) this.givenUp.push(source)
      if (!turn.isFollowed) this.#follow(turn)
      if (this.#running.size === 0) this.#end(({ resolve }) => resolve(null))
    }
  }

  /** Looks at a turn that has been quiet for a while. @returns whether it is worth another look */
  #lookAt(source: Source<T>, turn: WatchedTurn): boolean {
    const { quietMs } = turn
    if (quietMs >= SILENCE_MS) {
      source.onSilence(quietMs)
      if (turn.isFollowed || this.#waiting.length === 0) return false
      this.#giveUp(source, turn)
      this.#follow(turn)
      return false
    }
    if (turn.isFollowed || this.#waiting.length === 0) return true
    const hedge = this.#budget.take()
    if (hedge === null) return true
    this.#hedges.push(hedge)
    this.#follow(turn)
    return true
  }

  #follow(turn: WatchedTurn): void {
    turn.isFollowed = true
    this.#askNext()
  }

  #giveUp(source: Source<T>, turn: WatchedTurn): void {
    if (turn.isGivenUp) return
    turn.giveUp()
    source.onGivenUp()
  }

  #end(tell: (settle: Settle<T>) => void): void {
    const settle = this.#settle
    if (settle === null) return
    this.#settle = null
    for (const [turn, source] of this.#running) {
      turn.unwatch()
      this.#giveUp(source, turn)
    }
    for (const hedge of this.#hedges) hedge[Symbol.dispose]()
    tell(settle)
  }
}

/** Such a turn is looked at while it is quiet. */
class WatchedTurn implements Turn {
  /** Tells whether the source after it was asked, which happens at most once for each. */
  isFollowed = false
  isGivenUp = false
  readonly #caller: Caller
  #ending: AbortController | undefined
  #heardAt = performance.now()
  #timer: NodeJS.Timeout | undefined
  #isWatched = true

  constructor(caller: Caller) {
    this.#caller = caller
  }

  get signal(): AbortSignal {
    this.#ending ??= new AbortController()
    if (this.isGivenUp) this.#ending.abort()
    return AbortSignal.any([this.#caller.signal, this.#ending.signal])
  }

  get quietMs(): number {
    return performance.now() - this.#heardAt
  }

  hear(): void {
    this.#heardAt = performance.now()
  }

  giveUp(): void {
    this.isGivenUp = true
    this.#ending?.abort()
  }

  /** Calls `look` each time it has been quiet for another `HEDGE_AFTER_MS`, for as long as that says so. */
  watch(look: () => boolean): void {
    const { quietMs } = this
    const nextMs = HEDGE_AFTER_MS - (quietMs < HEDGE_AFTER_MS ? quietMs : 0)
    this.#timer = setTimeout(
      // What arrived while this process was busy is taken first.
      () => setImmediate(() => this.#look(look)),
      Math.min(nextMs, Math.max(1, SILENCE_MS - quietMs)),
    )
  }

  unwatch(): void {
    this.#isWatched = false
    clearTimeout(this.#timer)
  }

  #look(look: () => boolean): void {
    if (!this.#isWatched) return
    if (this.quietMs < HEDGE_AFTER_MS || look()) this.watch(look)
  }
}
