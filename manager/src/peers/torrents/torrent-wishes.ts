import { StoreError } from '@holdfast/shared/errors/store-error'
import { askDatabase, type Database } from '../../mongo/database.ts'

/** Says how far a file is whose torrent somebody waits for. */
export interface TorrentWish {
  readonly hashedBytes: number
  /** Says why the last attempt failed; it is null where none has, or another one is under way. */
  readonly problem: string | null
}

interface WishDocument extends TorrentWish {
  /** This is the file's id. */
  readonly _id: string
  readonly askedAt: Date
}

/** A wish that nobody has repeated for so long is forgotten. */
const KEPT_SECONDS = 86_400
/** This many files wait for their turn; those that cannot be read at present do not count. */
const MAX_WAITING = 200

/** Keeps which files are to be hashed for a torrent. Each has a job, which is found by this where a queue was lost. */
export class TorrentWishes {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async prepare(): Promise<void> {
    await this.#wishes.createIndexes([
      { key: { askedAt: 1 }, expireAfterSeconds: KEPT_SECONDS, name: 'unused' },
      { key: { problem: 1 }, name: 'waiting' },
    ])
  }

  /** Notes that somebody waits for a file. @throws OVERLOADED where too many files wait, DATABASE_UNAVAILABLE */
  async add(fileId: string): Promise<void> {
    const asked = { $currentDate: { askedAt: true as const } }
    const { matchedCount } = await askDatabase(() => this.#wishes.updateOne({ _id: fileId }, asked))
    if (matchedCount > 0) return
    const count = () => this.#wishes.countDocuments({ problem: null }, { limit: MAX_WAITING })
    if ((await askDatabase(count)) >= MAX_WAITING) throw new StoreError('OVERLOADED')
    const made = { ...asked, $setOnInsert: { hashedBytes: 0, problem: null } }
    await askDatabase(() => this.#wishes.updateOne({ _id: fileId }, made, { upsert: true }))
  }

  /** @returns null where nobody waits for the file, or what came of it is kept. @throws DATABASE_UNAVAILABLE */
  find(fileId: string): Promise<TorrentWish | null> {
    return askDatabase(() => this.#wishes.findOne({ _id: fileId }))
  }

  /** Writes how far a file is, where somebody waits for it. @throws DATABASE_UNAVAILABLE */
  async note(fileId: string, change: Partial<TorrentWish>): Promise<void> {
    await askDatabase(() => this.#wishes.updateOne({ _id: fileId }, { $set: change }))
  }

  /** @throws DATABASE_UNAVAILABLE */
  async remove(fileId: string): Promise<void> {
    await askDatabase(() => this.#wishes.deleteOne({ _id: fileId }))
  }

  /** @returns the ids of the files that are due for their jobs. @throws DATABASE_UNAVAILABLE */
  async listWaiting(): Promise<string[]> {
    const find = () => this.#wishes.find({ problem: null }).limit(MAX_WAITING).toArray()
    return (await askDatabase(find)).map(({ _id }) => _id)
  }

  get #wishes() {
    return this.#database.connection.collection<WishDocument>('torrent_wishes')
  }
}
