import type { ServerId } from '@holdfast/shared/ids'
import type { ChunkCount, HolderRecords } from '../../files/holder-records.ts'
import type { Loop } from '../upkeep.ts'

/** To count all chunks reads all their records, so that it is done this often where they are many. */
const COUNT_ALL_EVERY_MS = 600_000

/** Where they are few, counting takes this share of the time. */
const COUNT_ALL_SHARE = 0.01

export interface ReplicaCounts {
  /** Counts all chunks of class `replicated`. */
  readonly total: number
  /** Counts them by how many replicas they have that count: "0", "1", … */
  readonly byReplicas: Readonly<Record<string, number>>
  /** All were counted then. Those that lack some are counted more often. */
  readonly countedAt: string
}

interface Deps {
  readonly holders: Pick<HolderRecords, 'countChunks' | 'markOthers'>
  readonly fileServers: { read(): Promise<readonly { readonly id: ServerId; readonly isLost: boolean }[]> }
}

/**
 * Keeps count of chunks by their replicas, so that nobody's question reads the records: all of them now and then, and more
 * often those that lack some, which an index finds. Before all are counted, `short` is made to point at those that came when
 * another number of replicas was wished for.
 */
export class ChunkCounts {
  readonly #deps: Deps
  readonly #replicas: number
  #total: number | null = null
  #short: readonly ChunkCount[] | null = null
  #countedAt: Date | null = null
  #allDueAt = 0

  constructor(deps: Deps, replicas: number) {
    this.#deps = deps
    this.#replicas = replicas
  }

  get counts(): ReplicaCounts | null {
    if (this.#total === null || this.#short === null || this.#countedAt === null) return null
    const byReplicas = Object.fromEntries(Array.from({ length: this.#replicas + 1 }, (_, good) => [String(good), 0]))
    for (const { good, chunks } of this.#short) byReplicas[String(good)] = chunks
    const lacking = this.#short.reduce((sum, { good, chunks }) => sum + (good < this.#replicas ? chunks : 0), 0)
    byReplicas[String(this.#replicas)] = Math.max(0, this.#total - lacking)
    return { total: this.#total, byReplicas, countedAt: this.#countedAt.toISOString() }
  }

  /** Counts what could be healed, for it has some replicas that count, but too few. */
  get lacking(): { readonly chunks: number; readonly bytes: number } | null {
    if (this.#short === null) return null
    const some = this.#short.filter(({ good }) => good > 0 && good < this.#replicas)
    return {
      chunks: some.reduce((sum, { chunks }) => sum + chunks, 0),
      bytes: some.reduce((sum, { bytes }) => sum + bytes, 0),
    }
  }

  /** Has all be counted in the next round. */
  countSoon(): void {
    this.#allDueAt = 0
  }

  loop(everyMs: number): Loop {
    return {
      name: 'count-chunks',
      everyMs,
      run: async (signal) => {
        // A count takes long, and a manager that stops does not wait for it.
        let stop: () => void = () => undefined
        const stopped = new Promise<void>((resolve) => {
          stop = resolve
        })
        signal.addEventListener('abort', stop)
        try {
          await Promise.race([this.#count(), stopped])
        } finally {
          signal.removeEventListener('abort', stop)
        }
        return false
      },
    }
  }

  async #count(): Promise<void> {
    const { holders, fileServers } = this.#deps
    const lost = (await fileServers.read()).filter(({ isLost }) => isLost).map(({ id }) => id)
    const counting = { replicas: this.#replicas, lost }
    const startedAt = performance.now()
    const isAllDue = startedAt >= this.#allDueAt
    // One that takes too long is not tried again at once.
    if (isAllDue) this.#allDueAt = startedAt + COUNT_ALL_EVERY_MS
    // With one replica nothing is healed.
    const marks = isAllDue && this.#replicas > 1 ? [holders.markOthers(this.#replicas)] : []
    const [marking] = await Promise.allSettled(marks)
    const found = await holders.countChunks(isAllDue ? 'all' : 'short', counting)
    this.#short = found.filter(({ good }) => good < this.#replicas)
    if (!isAllDue) return
    this.#total = found.reduce((sum, { chunks }) => sum + chunks, 0)
    this.#countedAt = new Date()
    const nextAt = startedAt + (performance.now() - startedAt) / COUNT_ALL_SHARE
    this.#allDueAt = Math.min(this.#allDueAt, nextAt)
    // What could not be marked is told of once it has kept nobody from counting.
    if (marking?.status === 'rejected') throw marking.reason
  }
}
