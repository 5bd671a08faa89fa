import { StoreError } from '@holdfast/shared/errors/store-error'
import { ASK_DEADLINE_MS } from './database.ts'

/** At most so many items go together. */
const MAX_GROUP = 128
/** A group ends where its items have so many bytes, though one item may have more. */
const MAX_GROUP_BYTES = 4 * 1024 * 1024
/** At most so many groups are in flight. A second one is prepared and carried out while the first waits for the disk. */
const MAX_IN_FLIGHT = 2
/**
 * A group that has no outcome by then gives its turn back. The driver 7.5.0 can lose one: when connections were cut under
 * load, two look-ups never settled, though no connection was waiting for an answer. It is no shorter than the driver's own
 * waits together: for a server, for a connection, and to connect.
 */
const LOST_AFTER_MS = 3 * ASK_DEADLINE_MS
/** At most so many items wait. Requests are bounded, so this is never met in earnest. */
const MAX_WAITING = 20_000

/** Says what became of one item. */
export type GroupOutcome<R> =
  | { readonly kind: 'done'; readonly result: R }
  /** The time ran out while it waited for its turn, so it was not asked for and will not be. */
  | { readonly kind: 'unsent' }
  /** The connection or the time ran out, so it may have been carried out, or may be yet. */
  | { readonly kind: 'unknown'; readonly cause: unknown }

interface Waiting<T, R> {
  readonly item: T
  readonly settle: (outcome: GroupOutcome<R>) => void
}

/**
 * Does work on the database that is cheaper for many than for each: what becomes ready while groups are in flight goes
 * together in the next one. Each caller has an outcome and a deadline of its own. The group of an item begins after it was
 * handed in, so a read sees all that was written before.
 */
export class GroupedWork<T, R> {
  readonly #run: (items: readonly T[]) => Promise<readonly R[]>
  readonly #bytesOf: ((item: T) => number) | undefined
  #waiting: Waiting<T, R>[] = []
  #inFlightCount = 0
  #isScheduled = false

  /**
   * @param run carries a group out and gives its results in the order of the items
   * @param bytesOf estimates an item where items may be large
   */
  constructor(run: (items: readonly T[]) => Promise<readonly R[]>, bytesOf?: (item: T) => number) {
    this.#run = run
    this.#bytesOf = bytesOf
  }

  /** @throws OVERLOADED at once where too many wait */
  add(item: T): Promise<GroupOutcome<R>> {
    if (this.#waiting.length >= MAX_WAITING) throw new StoreError('OVERLOADED')
    return new Promise((resolve) => {
      const waiting: Waiting<T, R> = {
        item,
        settle: (outcome) => {
          clearTimeout(timer)
          resolve(outcome)
        },
      }
      const timer = setTimeout(() => this.#giveUp(waiting), ASK_DEADLINE_MS)
      this.#waiting.push(waiting)
      this.#schedule()
    })
  }

  /** Groups begin at the end of a turn of the event loop, so that requests that came together go together. */
  #schedule(): void {
    if (this.#isScheduled || this.#inFlightCount === MAX_IN_FLIGHT) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      while (this.#waiting.length > 0 && this.#inFlightCount < MAX_IN_FLIGHT) {
        this.#inFlightCount++
        void this.#carryOut(this.#waiting.splice(0, this.#nextCount()))
      }
    })
  }

  #nextCount(): number {
    const bytesOf = this.#bytesOf
    const most = Math.min(MAX_GROUP, this.#waiting.length)
    if (bytesOf === undefined) return most
    let [count, bytes] = [0, 0]
    for (const { item } of this.#waiting.slice(0, most)) {
      bytes += bytesOf(item)
      if (bytes > MAX_GROUP_BYTES && count > 0) break
      count++
    }
    return count
  }

  #giveUp(waiting: Waiting<T, R>): void {
    const index = this.#waiting.indexOf(waiting)
    if (index >= 0) this.#waiting.splice(index, 1)
    waiting.settle(index >= 0 ? { kind: 'unsent' } : { kind: 'unknown', cause: undefined })
  }

  async #carryOut(group: readonly Waiting<T, R>[]): Promise<void> {
    let isOver = false
    const end = (): void => {
      if (isOver) return
      isOver = true
      clearTimeout(timer)
      this.#inFlightCount--
      if (this.#waiting.length > 0) this.#schedule()
    }
    // Its callers were told at their own deadlines, and the turn must not be lost for all who come later.
    const timer = setTimeout(end, LOST_AFTER_MS)
    try {
      const results = await this.#run(group.map(({ item }) => item))
      for (const [index, { settle }] of group.entries()) settle({ kind: 'done', result: results[index] as R })
    } catch (cause) {
      for (const { settle } of group) settle({ kind: 'unknown', cause })
    }
    end()
  }
}

/** Serves work whose caller need not know whether it was carried out. @throws DATABASE_UNAVAILABLE */
export function resultOf<R>(outcome: GroupOutcome<R>): R {
  switch (outcome.kind) {
    case 'done':
      return outcome.result
    case 'unsent':
      throw new StoreError('DATABASE_UNAVAILABLE', 'no turn in time')
    case 'unknown':
      if (outcome.cause instanceof StoreError) throw outcome.cause
      throw new StoreError('DATABASE_UNAVAILABLE', undefined, { cause: outcome.cause })
    default:
      return outcome satisfies never
  }
}
