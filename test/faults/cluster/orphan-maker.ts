import mongoose from 'mongoose'
import { LightClient } from '../load/light-client.ts'

/** The load has no names like this, so the oracle does not miss these files. */
const PREFIX = 'orphan-maker'
const FILES_AT_ONCE = 8

/** Makes copies that no record names, as uploads do that a crash cuts off, so that reconcile has work. */
export class OrphanMaker implements AsyncDisposable {
  readonly #connection: mongoose.Connection
  readonly #urls: readonly string[]
  readonly #client = new LightClient()
  #fileCount = 0

  private constructor(connection: mongoose.Connection, urls: readonly string[]) {
    this.#connection = connection
    this.#urls = urls
  }

  static async start(mongoUrl: string, urls: readonly string[]): Promise<OrphanMaker> {
    return new OrphanMaker(await mongoose.createConnection(mongoUrl).asPromise(), urls)
  }

  /** Makes some on all file-servers. An upload that a fault hits makes none. */
  async make(): Promise<void> {
    const url = this.#urls[this.#fileCount % this.#urls.length] ?? ''
    const bytes = Buffer.from(PREFIX)
    const names = Array.from({ length: FILES_AT_ONCE }, () => `${PREFIX}/${this.#fileCount++}`)
    await Promise.all(names.map((name) => this.#client.upload(url, name, bytes)))
    await this.#connection.collection('files').deleteMany({ name: { $in: names }, state: 'live' })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client[Symbol.dispose]()
    await this.#connection.close()
  }
}
