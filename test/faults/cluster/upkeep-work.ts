import { randomBytes } from 'node:crypto'
import mongoose from 'mongoose'
import { LightClient } from '../load/light-client.ts'

/** The load has no names like this, so the oracle does not miss these files. */
const PREFIX = 'upkeep-work'
const BYTES = Buffer.from(PREFIX)
const FILES_AT_ONCE = 8
const ID_DIGITS = 8

/**
 * Gives upkeep work: copies that no record names, as uploads leave them that a crash cuts off, and records that name copies
 * which are not there, as a damaged disk leaves them.
 */
export class UpkeepWork implements AsyncDisposable {
  readonly #connection: mongoose.Connection
  readonly #urls: readonly string[]
  readonly #client = new LightClient()
  #fileCount = 0

  private constructor(connection: mongoose.Connection, urls: readonly string[]) {
    this.#connection = connection
    this.#urls = urls
  }

  static async start(mongoUrl: string, urls: readonly string[]): Promise<UpkeepWork> {
    return new UpkeepWork(await mongoose.createConnection(mongoUrl).asPromise(), urls)
  }

  /** Makes some on all file-servers. An upload that a fault hits makes none. */
  async make(): Promise<void> {
    await Promise.all([this.#makeOrphans(), this.#makeGaps()])
  }

  async #makeOrphans(): Promise<void> {
    const names = this.#newNames()
    await Promise.all(names.map((name) => this.#client.upload(this.#url, name, BYTES)))
    await this.#connection.collection('files').deleteMany({ name: { $in: names }, state: 'live' })
  }

  /** Has one replica of each of some new files be missing, and another copy be named by none. */
  async #makeGaps(): Promise<void> {
    const names = this.#newNames()
    await Promise.all(names.map((name) => this.#client.upload(this.#url, name, BYTES, '?class=replicated')))
    const files = this.#connection.collection('files')
    // One that was stored while a file-server was away has but one replica, which is not to go.
    const withTwo = { 'chunks.0.replicas': { $size: 2 } }
    for await (const { _id, chunks } of files.find({ name: { $in: names }, state: 'live', ...withTwo })) {
      const copyId: string = chunks[0].replicas[0].copyId
      const other = copyId.slice(0, -ID_DIGITS) + randomBytes(ID_DIGITS / 2).toString('hex')
      const [path, version] = ['chunks.0.replicas.0.copyId', 'chunks.0.version']
      await files.updateOne({ _id, [path]: copyId, ...withTwo }, { $set: { [path]: other }, $inc: { [version]: 1 } })
    }
  }

  #newNames(): string[] {
    return Array.from({ length: FILES_AT_ONCE }, () => `${PREFIX}/${this.#fileCount++}`)
  }

  get #url(): string {
    return this.#urls[this.#fileCount % this.#urls.length] ?? ''
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client[Symbol.dispose]()
    await this.#connection.close()
  }
}
