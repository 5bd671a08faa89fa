import { StoreError } from '@holdfast/shared/errors/store-error'
import type { Types } from 'mongoose'
import type { Expiry } from './expiry.ts'
import type { FileRecord } from './file.model.ts'
import type { FileRecords } from './file-records.ts'

/** The files of a form expire after this time unless all of them arrive, or the manager still receives others. */
const UNFINISHED_MS = 3_600_000
/** The end is put off this many times within that time. */
const RENEWALS = 6

/**
 * The first files of a form are stored while others still come in. They expire, so that nothing of a form stays whose manager
 * was killed, and the time is put off while the form comes. Dispose it when the form has ended, well or not.
 */
export class UnfinishedFiles implements Disposable {
  readonly #records: FileRecords
  readonly #unfinishedMs: number
  readonly #stored: FileRecord[] = []
  /** Keeps every time that was given to one of the files, also by an update whose outcome is not known. */
  readonly #times: Date[] = []
  readonly #timer: NodeJS.Timeout
  #renewing: Promise<void> = Promise.resolve()

  constructor(records: FileRecords, unfinishedMs = UNFINISHED_MS) {
    this.#records = records
    this.#unfinishedMs = unfinishedMs
    this.#timer = setInterval(() => {
      this.#renewing = this.#renewing.then(() => this.#renew())
    }, unfinishedMs / RENEWALS)
  }

  /** Says when the file that comes next expires. */
  readonly expiry: Expiry = (start) => new Date(start.getTime() + this.#unfinishedMs)

  add(record: FileRecord): void {
    this.#stored.push(record)
    if (record.expiresAt !== null) this.#times.push(record.expiresAt)
  }

  /** Lets the files stay, or expire when they should. @throws DATABASE_UNAVAILABLE; FILE_UNAVAILABLE where one is gone */
  async finish(expiresAt: Date | null): Promise<FileRecord[]> {
    clearInterval(this.#timer)
    await this.#renewing
    const count = await this.#records.setExpiry(this.#ids, expiresAt)
    if (count < this.#stored.length) throw new StoreError('FILE_UNAVAILABLE', 'a file of the form is gone already')
    return this.#stored.map((record) => ({ ...record, expiresAt }))
  }

  /** Ends the files that are stored. @throws DATABASE_UNAVAILABLE, after which they expire */
  async abandon(): Promise<void> {
    clearInterval(this.#timer)
    await this.#renewing
    await this.#records.markAllDeleted(this.#ids)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  get #ids(): Types.ObjectId[] {
    return this.#stored.map(({ _id }) => _id)
  }

  /** It changes only times that this form gave, so that one which reaches the database late changes no finished file. */
  async #renew(): Promise<void> {
    const expiresAt = new Date(Date.now() + this.#unfinishedMs)
    const known = [...this.#times]
    this.#times.push(expiresAt)
    await this.#records.setExpiry(this.#ids, expiresAt, known).catch(() => 0)
  }
}
