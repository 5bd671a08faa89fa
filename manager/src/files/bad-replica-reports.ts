import type { CopyId } from '@holdfast/shared/ids'
import type { Logger } from '@holdfast/shared/node/logger'
import type { Replica } from '../chunks/chunk.ts'
import type { HolderRecords } from './holder-records.ts'

/** At most this many reports wait. Reconcile, and the next reader, find again what was not noted. */
const MAX_WAITING = 1_000

interface Report {
  readonly replica: Replica
  readonly why: NonNullable<Replica['bad']>
}

export interface ReportsDeps {
  readonly holders: HolderRecords
  /** Is called when a replica was marked, so that it is replaced soon. */
  readonly onMarked: () => void
  readonly log: Logger
}

/**
 * Takes what readers find bad and marks it, one after the other and each copy once, so that many readers of one bad copy cost
 * one update. No reader waits for it.
 */
export class BadReplicaReports {
  readonly #deps: ReportsDeps
  readonly #waiting = new Map<CopyId, Report>()
  #working: Promise<void> | null = null
  #isClosed = false

  constructor(deps: ReportsDeps) {
    this.#deps = deps
  }

  report(replica: Replica, why: NonNullable<Replica['bad']>): void {
    if (this.#isClosed || replica.bad !== undefined || this.#waiting.size >= MAX_WAITING) return
    if (this.#waiting.has(replica.copyId)) return
    this.#waiting.set(replica.copyId, { replica, why })
    this.#working ??= this.#work()
  }

  /** Drops what waits, and ends when the update that is under way has ended. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#waiting.clear()
    await this.#working
  }

  async #work(): Promise<void> {
    const { holders, onMarked, log } = this.#deps
    // A report stays in the map while it is worked on, so that the same copy is not taken twice meanwhile.
    for (const [copyId, { replica, why }] of this.#waiting) {
      const place = { serverId: replica.server, copyId, why }
      try {
        if (await holders.markBad(replica, why)) {
          log.warn(place, 'a replica does not count any more')
          onMarked()
        }
      } catch (error) {
        log.debug({ ...place, err: error }, 'bad replica not marked')
      }
      this.#waiting.delete(copyId)
    }
    // At once, for the next report begins anew.
    this.#working = null
  }
}
