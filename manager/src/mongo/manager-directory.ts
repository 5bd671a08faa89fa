import type { Database } from './database.ts'

const SEEN_EVERY_MS = 5_000
/** A manager not seen for this long is not offered to file-servers. */
const FORGOTTEN_AFTER_MS = 60_000
/** A file-server dials at most so many managers. Each worker counts. */
const MAX_MANAGERS = 256

interface ManagerDocument {
  readonly _id: string
  readonly url: string
  readonly seenAt: Date
}

/** Keeps the addresses of the cluster's managers: each manager writes its own and reads the others'. Times are mongod's. */
export class ManagerDirectory {
  readonly #database: Database
  readonly #self: { readonly managerId: string; readonly url: string | null }
  readonly #onChange: () => void
  #urls: readonly string[]
  #timer: NodeJS.Timeout | undefined

  constructor(database: Database, self: { managerId: string; url: string | null }, onChange: () => void) {
    this.#database = database
    this.#self = self
    this.#onChange = onChange
    this.#urls = self.url === null ? [] : [self.url]
  }

  get urls(): readonly string[] {
    return this.#urls
  }

  async start(): Promise<void> {
    await this.#collection.createIndex({ seenAt: 1 }, { expireAfterSeconds: 86_400 })
    await this.#forgetPredecessors()
    await this.#refresh()
    this.#timer = setInterval(() => this.lookAgain(), SEEN_EVERY_MS)
  }

  /** Reads the others' addresses at once, for some may have come. */
  lookAgain(): void {
    // The next round tells the same, and the database's own state is logged where it changes.
    this.#refresh().catch(() => undefined)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    if (this.#database.isAvailable)
      await this.#collection.deleteOne({ _id: this.#self.managerId }).catch(() => undefined)
  }

  get #collection() {
    return this.#database.connection.collection<ManagerDocument>('managers')
  }

  /** Whoever had this address before is gone. A manager that is restarted often must not crowd out the others. */
  async #forgetPredecessors(): Promise<void> {
    const { managerId, url } = this.#self
    if (url !== null) await this.#collection.deleteMany({ url, _id: { $ne: managerId } })
  }

  async #refresh(): Promise<void> {
    const { managerId, url } = this.#self
    if (url !== null) {
      await this.#collection.updateOne({ _id: managerId }, [{ $set: { url, seenAt: '$$NOW' } }], { upsert: true })
    }
    const isFresh = { $expr: { $gt: ['$seenAt', { $subtract: ['$$NOW', FORGOTTEN_AFTER_MS] }] } }
    const found = await this.#collection.find(isFresh).sort({ url: 1 }).limit(MAX_MANAGERS).toArray()
    const urls = [...new Set(found.map((manager) => manager.url))].sort()
    const isChanged = urls.join() !== this.#urls.join()
    this.#urls = urls
    if (isChanged) this.#onChange()
  }
}
