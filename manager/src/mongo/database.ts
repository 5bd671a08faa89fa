import { setTimeout as delay } from 'node:timers/promises'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { Logger } from '@holdfast/shared/node/logger'
import { StartError } from '@holdfast/shared/node/run-service'
import mongoose, { type Connection } from 'mongoose'

/** Connects this process to MongoDB. Every wait in it is bounded, and nothing is queued while the database is away. */
export interface Database {
  readonly connection: Connection
  /** Tells whether requests are worth trying. It is false within a moment of the database going away. */
  readonly isAvailable: boolean
  close(): Promise<void>
}

/** A connection on which an answer is awaited for longer is given up, whatever its caller did meanwhile. */
const SOCKET_TIMEOUT_MS = 15_000

/** A request waits this long for an answer of the database, which keeps it under 3 s with a read-back after it. */
export const ASK_DEADLINE_MS = 2_000

/** A write counts only when it is durable on a majority (https://www.mongodb.com/docs/manual/reference/write-concern/). */
export const DURABLE = { writeConcern: { w: 'majority', j: true } } as const

/** mongod answers with these codes (https://www.mongodb.com/docs/manual/reference/error-codes/). */
export const MAX_TIME_EXPIRED = 50
export const DUPLICATE_KEY = 11_000

/**
 * @returns options of a command that mongod ends after so long, and for whose answer the connection waits longer than that.
 * The driver takes the second one with every command, though its types do not say so
 */
export function patientFor(deadlineMs: number): { readonly maxTimeMS: number } {
  const socketTimeoutMS = deadlineMs + SOCKET_TIMEOUT_MS
  return { maxTimeMS: deadlineMs, ...({ socketTimeoutMS } as object) }
}

/**
 * Connects, however long that takes, for a database that starts later than its manager is not an error. @throws the signal's
 * reason where that ends the wait, StartError for an address that no wait makes any better
 */
export async function connectDatabase(url: string, log: Logger, signal: AbortSignal): Promise<Database> {
  requireReadable(url)
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted()
    const connection = mongoose.createConnection(url, {
      appName: 'holdfast-manager',
      bufferCommands: false,
      autoIndex: false,
      autoCreate: false,
      serverSelectionTimeoutMS: ASK_DEADLINE_MS,
      connectTimeoutMS: ASK_DEADLINE_MS,
      waitQueueTimeoutMS: ASK_DEADLINE_MS,
      socketTimeoutMS: SOCKET_TIMEOUT_MS,
      heartbeatFrequencyMS: 2_000,
      maxPoolSize: 64,
      readConcern: { level: 'majority' },
      ...DURABLE,
    })
    let isConnected = false
    connection.on('error', (error) => {
      if (isConnected) log.warn({ err: error }, 'database error')
    })
    try {
      await connection.asPromise()
      isConnected = true
      connection.on('disconnected', () => log.warn('database away'))
      connection.on('connected', () => log.info('database back'))
      return {
        connection,
        get isAvailable() {
          return connection.readyState === 1
        },
        close: () => connection.close(),
      }
    } catch (error) {
      await connection.close()
      if (attempt % 10 === 0)
        log.warn({ reason: error instanceof Error ? error.message : String(error) }, 'waiting for the database')
      await delay(1_000, undefined, { signal }).catch(() => undefined)
    }
  }
}

/**
 * What the driver says of hosts is not repeated, for after a bare `/` or `@` in a password it takes a piece of that for a
 * host.
 */
function requireReadable(url: string): void {
  try {
    new mongoose.mongo.MongoClient(url)
  } catch (cause) {
    const said = cause instanceof Error && /^options? /.test(cause.message) ? cause.message : null
    const problem = said ?? 'it is not a connection string that can be read'
    const advice = 'in user name and password, write %40 for @, %3A for :, %2F for /, %25 for %'
    throw new StartError(`MONGO_URL: ${problem} (${advice}).`, { cause })
  }
}

/**
 * Runs a read or a write for a request. The driver bounds the choice of a server and the wait for a connection, but not the
 * wait for an answer that does not come (a mongod that is stopped, a network that swallows), so that is bounded here. @throws
 * DATABASE_UNAVAILABLE also where a write may have been carried out
 */
export async function askDatabase<T>(ask: () => PromiseLike<T>, deadlineMs = ASK_DEADLINE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const giveUp = (): void => reject(new StoreError('DATABASE_UNAVAILABLE', 'no answer in time'))
    // What arrived while this process was busy is taken first.
    timer = setTimeout(() => setImmediate(giveUp), deadlineMs)
  })
  try {
    return await Promise.race([ask(), late])
  } catch (error) {
    if (error instanceof StoreError) throw error
    throw new StoreError('DATABASE_UNAVAILABLE', undefined, { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

/** @returns the code of what the database said, also where `askDatabase` made a StoreError of that */
export function codeOf(error: unknown): unknown {
  const said = error instanceof StoreError ? error.cause : error
  return (said as { readonly code?: unknown } | undefined)?.code
}
