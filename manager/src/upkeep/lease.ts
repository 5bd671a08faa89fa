import { type Database, DURABLE } from '../mongo/database.ts'

const LEASE_MS = 15_000
const RENEW_EVERY_MS = 4_000
/** The holder stops this much before the database lets another manager in, by its own monotonic clock. */
const SAFETY_MS = 5_000

interface LeaseDocument {
  readonly _id: string
  readonly holder: string
  readonly expiresAt: Date
}

/**
 * Decides which manager does the upkeep, by a document in MongoDB that its holder renews and another takes when it runs out
 * (by mongod's clock). A holder that slept through its end does no harm, because every change that upkeep makes is fenced by
 * the record it changes.
 */
export class Lease {
  readonly #database: Database
  readonly #holder: string
  #heldUntil = 0
  #heldSince = 0
  #timer: NodeJS.Timeout | undefined
  #renewing: Promise<void> = Promise.resolve()

  constructor(database: Database, holder: string) {
    this.#database = database
    this.#holder = holder
  }

  get isHeld(): boolean {
    return performance.now() < this.#heldUntil
  }

  /** Counts for how many milliseconds this manager has held the lease without a break, by its monotonic clock; 0 while it does not. */
  get heldMs(): number {
    return this.isHeld ? performance.now() - this.#heldSince : 0
  }

  async start(): Promise<void> {
    const renew = (): void => {
      // A lease that cannot be renewed runs out, and `isHeld` says so.
      this.#renewing = this.#renew().catch(() => undefined)
    }
    renew()
    await this.#renewing
    this.#timer = setInterval(renew, RENEW_EVERY_MS)
  }

  /** Gives the lease back, so that another manager need not wait. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#renewing
    this.#heldUntil = 0
    if (!this.#database.isAvailable) return
    const isMine = { _id: 'upkeep', holder: this.#holder }
    // A lease that is not given back runs out by itself.
    await this.#collection.updateOne(isMine, { $unset: { holder: '' } }, DURABLE).catch(() => undefined)
  }

  get #collection() {
    return this.#database.connection.collection<LeaseDocument>('leases')
  }

  async #renew(): Promise<void> {
    const askedAt = performance.now()
    const isFree = {
      $or: [
        { $eq: ['$holder', this.#holder] },
        { $lt: [{ $ifNull: ['$expiresAt', '$$NOW'] }, '$$NOW'] },
        { $not: ['$holder'] },
      ],
    }
    const mine = { _id: '$_id', holder: this.#holder, expiresAt: { $add: ['$$NOW', LEASE_MS] } }
    const update = [{ $replaceWith: { $cond: [isFree, mine, '$$ROOT'] } }]
    const options = { upsert: true, returnDocument: 'after' as const, ...DURABLE }
    const lease = await this.#collection.findOneAndUpdate({ _id: 'upkeep' }, update, options)
    const isHolder = lease?.holder === this.#holder
    if (!this.isHeld) this.#heldSince = performance.now()
    this.#heldUntil = isHolder ? askedAt + LEASE_MS - SAFETY_MS : 0
  }
}
