import { askDatabase, type Database } from '../../mongo/database.ts'
import type { UserRecords } from '../users/user-records.ts'
import type { TrackerCounts } from './tracker-counts.ts'

/** Each manager tells the others so often what its trackers have done. */
const WRITE_EVERY_MS = 5_000
/** One that has not told for so long is not counted. */
const SILENT_AFTER_MS = 20_000
const FORGOTTEN_AFTER_SECONDS = 600
const MAX_MANAGERS = 256
/** Figures of the database are asked for so often at most, however many ask. */
const FRESH_MS = 2_000

/** Counts what one manager holds in memory. A swarm that several managers are asked for is in the memory of each. */
export interface HeldSwarms {
  readonly swarms: number
  readonly peers: number
  readonly seeds: number
}

/** Counts what the trackers of one manager process hold, and have done since it started. */
export interface ManagerStats extends TrackerCounts, HeldSwarms {
  readonly manager: string
  /** The time is in ISO 8601. */
  readonly since: string
}

/** Counts what the database has, for all managers. */
export interface StoredPeers {
  /** Counts those of BitTorrent; one that is silent counts until a minute after it has expired. */
  readonly peers: number
  /** Counts the hashes of the tracker of the document. */
  readonly hashes: number
  readonly tracks: number
  readonly users: { readonly active: number; readonly inactive: number }
}

export interface TrackerStatus extends StoredPeers {
  readonly managers: readonly ManagerStats[]
}

type StatsDocument = Omit<ManagerStats, 'manager'> & { readonly _id: string; readonly at: Date }

export interface TrackerStatsDeps {
  readonly database: Database
  readonly managerId: string
  readonly counts: TrackerCounts
  readonly swarms: { held(): HeldSwarms; countStored(): Promise<number> }
  readonly hashes: { count(): Promise<number> }
  readonly tracks: { count(): Promise<number> }
  readonly users: Pick<UserRecords, 'count' | 'countActive'>
}

/** Tells what the trackers hold and do. Of several managers any one tells of all. Nothing here looks at every document. */
export class TrackerStats {
  readonly #deps: TrackerStatsDeps
  readonly #since = new Date().toISOString()
  #timer: NodeJS.Timeout | undefined
  #reading: Promise<StoredPeers & { readonly others: readonly ManagerStats[] }> | null = null

  constructor(deps: TrackerStatsDeps) {
    this.#deps = deps
  }

  async start(): Promise<void> {
    await this.#collection.createIndex({ at: 1 }, { expireAfterSeconds: FORGOTTEN_AFTER_SECONDS, name: 'forgotten' })
    // The next round tells the same, and the database's own state is logged where it changes.
    this.#timer = setInterval(() => void this.#write().catch(() => undefined), WRITE_EVERY_MS)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    const { database, managerId } = this.#deps
    if (database.isAvailable) await this.#collection.deleteOne({ _id: managerId }).catch(() => undefined)
  }

  /** @throws DATABASE_UNAVAILABLE */
  async read(): Promise<TrackerStatus> {
    this.#reading ??= this.#readAnew()
    const { others, ...stored } = await this.#reading
    const managers = [this.#own(), ...others].sort((a, b) => (a.manager < b.manager ? -1 : 1))
    return { ...stored, managers }
  }

  get #collection() {
    return this.#deps.database.connection.collection<StatsDocument>('tracker_stats')
  }

  #own(): ManagerStats {
    const { managerId, counts, swarms } = this.#deps
    return { manager: managerId, since: this.#since, ...swarms.held(), ...structuredClone(counts) }
  }

  async #write(): Promise<void> {
    const { manager, ...fields } = this.#own()
    await this.#collection.updateOne({ _id: manager }, { $set: fields, $currentDate: { at: true } }, { upsert: true })
  }

  /** What it returns is kept for a moment, a failure is not. */
  async #readAnew(): Promise<StoredPeers & { readonly others: readonly ManagerStats[] }> {
    const { managerId, swarms, hashes, tracks, users } = this.#deps
    const forget = (): void => {
      this.#reading = null
    }
    const isOther = { _id: { $ne: managerId }, $expr: { $gt: ['$at', { $subtract: ['$$NOW', SILENT_AFTER_MS] }] } }
    try {
      const [found, peers, hashCount, trackCount, userCount, active] = await askDatabase(() =>
        Promise.all([
          this.#collection.find(isOther).limit(MAX_MANAGERS).toArray(),
          ...([swarms.countStored(), hashes.count(), tracks.count(), users.count(), users.countActive()] as const),
        ]),
      )
      setTimeout(forget, FRESH_MS).unref()
      return {
        ...{ peers, hashes: hashCount, tracks: trackCount },
        users: { active, inactive: Math.max(0, userCount - active) },
        others: found.map(({ _id, at: _, ...fields }) => ({ manager: _id, ...fields })),
      }
    } catch (error) {
      forget()
      throw error
    }
  }
}
