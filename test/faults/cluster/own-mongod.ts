import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EmbeddedMongod, startEmbeddedMongod } from '@holdfast/launcher/mongod/embedded-mongod'
import type { RunningProcess } from '@holdfast/launcher/processes/running-process'

const START_DEADLINE_MS = 120_000

/** A run has this MongoDB for itself, to kill and freeze it under the cluster. */
export class OwnMongod implements AsyncDisposable {
  readonly #directory: string
  readonly #mongod: EmbeddedMongod
  #running: RunningProcess

  private constructor(directory: string, mongod: EmbeddedMongod) {
    this.#directory = directory
    this.#mongod = mongod
    this.#running = mongod.running
  }

  /** @param parent holds its data directory, so that it can lie on a disk of the test's own. */
  static async start(parent = tmpdir()): Promise<OwnMongod> {
    const directory = await mkdtemp(join(parent, 'holdfast-fault-mongo-'))
    try {
      const options = { directory, environment: process.env, report: () => undefined, onLogLine: () => undefined }
      const mongod = await startEmbeddedMongod({ ...options, signal: AbortSignal.timeout(START_DEADLINE_MS) })
      return new OwnMongod(directory, mongod)
    } catch (error) {
      await rm(directory, { recursive: true, force: true })
      throw error
    }
  }

  /** The address names no database. */
  get url(): string {
    return this.#mongod.urlOf('')
  }

  get pid(): number {
    return this.#running.pid
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    process.kill(this.#running.pid, signal)
  }

  async kill(): Promise<void> {
    this.#running.kill()
    await this.#running.ended
  }

  /** Starts it on the same data and port. */
  async restart(): Promise<void> {
    this.#running = await this.#mongod.restart(AbortSignal.timeout(START_DEADLINE_MS))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running.stop()
    await rm(this.#directory, { recursive: true, force: true })
  }
}
