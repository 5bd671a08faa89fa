import type { mongo } from 'mongoose'
import { DUPLICATE_KEY, DURABLE } from './database.ts'
import { GroupedWork } from './grouped-work.ts'

/** Says what became of one document. */
export type InsertOutcome =
  | { readonly kind: 'inserted' }
  /** A unique index of this name refused it, `_id_` where the document itself is there already. */
  | { readonly kind: 'duplicate'; readonly index: string }
  /** The time ran out while it waited for its turn, so it is not there and will not come. */
  | { readonly kind: 'unsent' }
  /** The connection or the time ran out, so it may be there or come to be there. */
  | { readonly kind: 'unknown'; readonly cause: unknown }

/**
 * Writes records, and is the only place that does. It commits in groups, and a caller has its outcome after a majority has
 * the group in its journal.
 */
export class GroupedInserts<T extends mongo.Document> {
  readonly #database: mongo.Db
  readonly #collection: string
  readonly #work: GroupedWork<T, InsertOutcome>

  /** @param bytesOf estimates a document, which is cheaper than to measure it */
  constructor(database: mongo.Db, collection: string, bytesOf?: (document: T) => number) {
    this.#database = database
    this.#collection = collection
    this.#work = new GroupedWork((documents) => this.#insertGroup(documents), bytesOf)
  }

  async insert(document: T): Promise<InsertOutcome> {
    const outcome = await this.#work.add(document)
    return outcome.kind === 'done' ? outcome.result : outcome
  }

  /** Sends the command itself, because the driver's bulk writes measure and copy every document once more. */
  async #insertGroup(documents: readonly T[]): Promise<readonly InsertOutcome[]> {
    const command = { insert: this.#collection, documents, ordered: false, ...DURABLE }
    return outcomesOf(await this.#database.command(command).catch(replyIn), documents.length)
  }
}

/** A write concern that failed is thrown, with what the server said of each document. */
function replyIn(error: { readonly result?: InsertReply }): InsertReply {
  if (error.result?.writeConcernError === undefined) throw error
  return error.result
}

interface InsertReply {
  readonly writeErrors?: readonly {
    readonly index: number
    readonly code: number
    readonly errmsg?: string
  }[]
  readonly writeConcernError?: unknown
}

/** Reads the reply, which counts every document as inserted that it does not name, unless the write concern failed. */
export function outcomesOf(reply: InsertReply, count: number): InsertOutcome[] {
  const { writeErrors = [], writeConcernError } = reply
  const outcomes: InsertOutcome[] = Array.from({ length: count }, () =>
    writeConcernError === undefined ? { kind: 'inserted' } : { kind: 'unknown', cause: writeConcernError },
  )
  for (const error of writeErrors) {
    outcomes[error.index] =
      error.code === DUPLICATE_KEY
        ? { kind: 'duplicate', index: indexNameIn(String(error.errmsg)) }
        : { kind: 'unknown', cause: error }
  }
  return outcomes
}

/** The server writes `E11000 duplicate key error collection: db.files index: live_path dup key: …`. */
function indexNameIn(message: string): string {
  return / index: (\S+) dup key/.exec(message)?.[1] ?? ''
}
