import { StoreError } from '@holdfast/shared/errors/store-error'
import type { mongo } from 'mongoose'
import { ASK_DEADLINE_MS, DURABLE } from './database.ts'

/** Documents in one `insertMany`. */
const MAX_GROUP = 1_000
/** Documents that wait. Uploads are bounded, so this is never met in earnest. */
const MAX_WAITING = 20_000
const DUPLICATE_KEY = 11_000

/** What became of one document. */
export type InsertOutcome =
  | { readonly kind: 'inserted' }
  /** By the name of the unique index that refused it, `_id_` for a document's own. */
  | { readonly kind: 'duplicate'; readonly index: string }
  /** The time ran out while it waited for its turn: it is not there and will not come. */
  | { readonly kind: 'unsent' }
  /** The connection or the time ran out: it may be there or come to be there. */
  | { readonly kind: 'unknown'; readonly cause: unknown }

interface Waiting<T> {
  readonly document: T
  readonly settle: (outcome: InsertOutcome) => void
}

/**
 * The one seam where records are written. Documents that become ready while an insert is in flight go together in the
 * next one (group commit); each caller gets its own outcome, after a majority has it in its journal.
 */
export class GroupedInserts<T extends mongo.Document> {
  readonly #collection: mongo.Collection<T>
  #waiting: Waiting<T>[] = []
  #isFlushing = false

  constructor(collection: mongo.Collection<T>) {
    this.#collection = collection
  }

  insert(document: T): Promise<InsertOutcome> {
    if (this.#waiting.length >= MAX_WAITING) throw new StoreError('OVERLOADED')
    return new Promise((resolve) => {
      const waiting: Waiting<T> = {
        document,
        settle: (outcome) => {
          clearTimeout(timer)
          resolve(outcome)
        },
      }
      const timer = setTimeout(() => this.#giveUp(waiting), ASK_DEADLINE_MS)
      this.#waiting.push(waiting)
      if (!this.#isFlushing) void this.#flush()
    })
  }

  #giveUp(waiting: Waiting<T>): void {
    const index = this.#waiting.indexOf(waiting)
    if (index >= 0) this.#waiting.splice(index, 1)
    waiting.settle(index >= 0 ? { kind: 'unsent' } : { kind: 'unknown', cause: undefined })
  }

  async #flush(): Promise<void> {
    this.#isFlushing = true
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, MAX_GROUP)
      const outcomes = await this.#insertGroup(group.map(({ document }) => document))
      for (const [index, { settle }] of group.entries())
        settle(outcomes[index] ?? { kind: 'unknown', cause: undefined })
    }
    this.#isFlushing = false
  }

  async #insertGroup(documents: T[]): Promise<InsertOutcome[]> {
    try {
      await this.#collection.insertMany(documents as never, { ordered: false, ...DURABLE })
      return documents.map(() => ({ kind: 'inserted' }))
    } catch (error) {
      return outcomesOf(error, documents.length)
    }
  }
}

/** Reads a bulk write error: documents it does not name were inserted, unless the write concern or the connection failed. */
export function outcomesOf(error: unknown, count: number): InsertOutcome[] {
  const { writeErrors, result } = (error ?? {}) as {
    writeErrors?: unknown
    result?: { getWriteConcernError?: () => unknown }
  }
  const errors = Array.isArray(writeErrors) ? writeErrors : writeErrors === undefined ? [] : [writeErrors]
  const isWhole = errors.length > 0 && result?.getWriteConcernError?.() === undefined
  const outcomes: InsertOutcome[] = Array.from({ length: count }, () =>
    isWhole ? { kind: 'inserted' } : { kind: 'unknown', cause: error },
  )
  for (const { index, code, errmsg } of errors) {
    outcomes[index] =
      code === DUPLICATE_KEY
        ? { kind: 'duplicate', index: indexNameIn(String(errmsg)) }
        : { kind: 'unknown', cause: error }
  }
  return outcomes
}

/** The driver keeps only the message: `E11000 duplicate key error collection: db.files index: live_name dup key: …`. */
function indexNameIn(message: string): string {
  return / index: (\S+) dup key/.exec(message)?.[1] ?? ''
}
