import type { LoadAnswer } from './load/load-process.ts'
import type { UploadWay } from './load/requests.ts'
import type { LoadOrder, LoadResult, Operation } from './load/run-load.ts'
import type { Child } from './processes/child.ts'
import { type WatchedProcess, watchUsage } from './processes/usage.ts'
import type { Fill, Sample } from './result.ts'

/** The last requests of a slice may take so much longer than the slice. */
const ANSWER_LIMIT_MS = 90_000
const FILL_LIMIT_MS = 3_600_000
const FILL_CLIENTS = 64

export interface Slice {
  readonly operation: Operation
  readonly sizeBytes: number
  readonly clients: number
  readonly maxMs: number
  readonly maxCount?: number
}

export interface SystemDeps {
  readonly name: string
  readonly url: string
  /** The names of files begin with it, so that no other run has used them. */
  readonly run: string
  readonly load: Child
  /** Files go up as JSON unless this is given. */
  readonly uploadWay?: UploadWay
  readonly findProcesses: () => Promise<readonly WatchedProcess[]>
}

/** Measures a system, and knows which files that holds. */
export class System {
  readonly name: string
  readonly #deps: SystemDeps
  readonly #stored = new Map<number, { first: number; count: number }>()
  /** No file that is still there has a lower number. */
  #firstNumber = 0
  #nextNumber = 0
  #fileCount = 0

  constructor(deps: SystemDeps) {
    this.name = deps.name
    this.#deps = deps
  }

  /** @returns the same system with other files, which are uploaded in another way */
  uploading(name: string, uploadWay: UploadWay): System {
    return new System({ ...this.#deps, name, uploadWay, run: `${this.#deps.run}-${uploadWay}` })
  }

  /** Counts the files that the system holds. */
  get fileCount(): number {
    return this.#fileCount
  }

  /** Makes files until there are so many of a size, without gaps in their numbers, to be downloaded or deleted. */
  async fill(sizeBytes: number, wantedCount: number): Promise<Fill> {
    const stored = this.#stored.get(sizeBytes) ?? { first: this.#nextNumber, count: 0 }
    if (stored.first + stored.count !== this.#nextNumber) throw new Error('other files were made in between')
    const addedCount = Math.max(0, wantedCount - stored.count)
    const result = await this.#order({
      operation: 'upload',
      sizeBytes,
      clients: FILL_CLIENTS,
      maxMs: FILL_LIMIT_MS,
      maxCount: addedCount,
    })
    this.#stored.set(sizeBytes, { first: stored.first, count: stored.count + addedCount })
    return { fileCount: this.#fileCount, addedCount, seconds: result.seconds }
  }

  /** From here on downloads take from all files of the system. @throws where there may be files of other sizes, or gaps */
  useAll(sizeBytes: number): void {
    const hasOthers = [...this.#stored.keys()].some((size) => size !== sizeBytes)
    if (hasOthers || this.#firstNumber + this.#fileCount !== this.#nextNumber)
      throw new Error('its files are not all alike')
    this.#stored.set(sizeBytes, { first: this.#firstNumber, count: this.#fileCount })
  }

  /** Deletes the latest files, all of one size, until there are only so many: all of them, or those made since the last time. */
  async shrink(sizeBytes: number, wantedCount: number): Promise<void> {
    const count = this.#fileCount - wantedCount
    if (count <= 0) return
    const stored = this.#stored.get(sizeBytes)
    this.#stored.set(sizeBytes, { first: this.#nextNumber - count, count })
    await this.#order({ operation: 'delete', sizeBytes, clients: FILL_CLIENTS, maxMs: FILL_LIMIT_MS, maxCount: count })
    this.#stored.delete(sizeBytes)
    if (wantedCount === 0) this.#firstNumber = this.#nextNumber
    else if (stored !== undefined) this.#stored.set(sizeBytes, stored)
  }

  /** Files that are filled in from here on are others. */
  forgetStored(sizeBytes: number): void {
    this.#stored.delete(sizeBytes)
  }

  async measure(slice: Slice): Promise<Sample> {
    const { pid } = this.#deps.load
    const watch = await watchUsage([...(await this.#deps.findProcesses()), { role: 'client', pid }])
    const result = await this.#order(slice)
    return { ...result, usage: await watch.end() }
  }

  async #order({ operation, sizeBytes, clients, maxMs, maxCount }: Slice): Promise<LoadResult> {
    const { load, url, run, name, uploadWay = 'json' } = this.#deps
    const stored = this.#stored.get(sizeBytes) ?? { first: 0, count: 0 }
    const order: LoadOrder = {
      url,
      operation,
      uploadWay,
      sizeBytes,
      clients,
      maxMs,
      maxCount: maxCount ?? Number.MAX_SAFE_INTEGER,
      run,
      nextNumber: this.#nextNumber,
      stored,
    }
    const answer = (await load.ask(order, maxMs + ANSWER_LIMIT_MS)) as LoadAnswer
    if (answer.kind === 'failed') throw new Error(`${name}: ${operation}: ${answer.reason}`)
    this.#nextNumber += answer.result.uploadCount
    this.#fileCount += answer.result.uploadCount - answer.result.deleteCount
    if (operation === 'delete')
      this.#stored.set(sizeBytes, {
        first: stored.first + answer.result.doneCount,
        count: stored.count - answer.result.doneCount,
      })
    return answer.result
  }
}
