import type { ServerId } from '@holdfast/shared/ids'
import type { Logger } from '@holdfast/shared/node/logger'
import { askDatabase, type Database } from '../mongo/database.ts'
import type { KnownFileServer } from './file-server-directory.ts'
import type { Lease } from './lease.ts'
import type { ReplicaCounts } from './replicate/chunk-counts.ts'
import type { LoopStatus } from './upkeep.ts'

const WRITE_EVERY_MS = 2_000
/** Heartbeats are recorded every few seconds, so a file-server is heard from unless the last one is older. */
const SILENT_AFTER_MS = 7_000

/** Says which file-server upkeep leaves alone in part, for a human to look at. */
export interface Halt {
  readonly fileServer: ServerId
  readonly name: string
  /** Orphans are not collected, or what is missing is not dropped. */
  readonly why: 'orphans' | 'missing'
  /** It is about `count` of all `copies`, which is an unlikely share. */
  readonly count: number
  readonly copies: number
}

/** The manager that does the upkeep tells this of it. Times are in ISO 8601, rates in bytes a second. */
export interface UpkeepStatus {
  readonly manager: string
  /** It has done the upkeep since then. */
  readonly since: string
  readonly loops: readonly LoopStatus[]
  /** It is null until they were counted. */
  readonly chunks: ReplicaCounts | null
  readonly fileServers: {
    readonly known: number
    readonly active: number
    /** They are not heard from, and not lost yet. */
    readonly silent: readonly {
      readonly id: ServerId
      readonly name: string
      readonly zone: string
      readonly lastHeardAt: string
    }[]
    readonly lost: readonly {
      readonly id: ServerId
      readonly name: string
      readonly zone: string
      readonly lostAt: string
    }[]
  }
  readonly halted: readonly Halt[]
}

interface StatusDocument extends UpkeepStatus {
  readonly _id: string
}

const STATUS = 'status'

function collectionOf({ connection }: Database) {
  return connection.collection<StatusDocument>('upkeep')
}

/** @returns what the manager that does the upkeep has told last, or null where none has. @throws DATABASE_UNAVAILABLE */
export async function readUpkeepStatus(database: Database): Promise<UpkeepStatus | null> {
  return askDatabase(() => collectionOf(database).findOne({ _id: STATUS }, { projection: { _id: 0 } }))
}

export interface ReporterDeps {
  readonly database: Database
  readonly managerId: string
  readonly lease: Pick<Lease, 'isHeld' | 'heldMs'>
  readonly fileServers: { read(): Promise<readonly KnownFileServer[]> }
  readonly loops: () => readonly LoopStatus[]
  readonly chunks: () => ReplicaCounts | null
  /** Tells of which file-servers orphans are not collected. */
  readonly haltedOrphans: ReadonlyMap<ServerId, { readonly orphans: number; readonly copies: number }>
  readonly log: Logger
}

/** Writes down how upkeep goes, while this manager does it, so that every manager can tell. */
export class UpkeepReporter {
  readonly #deps: ReporterDeps
  #written = ''
  #since: string | null = null
  #writing: Promise<void> | null = null
  readonly #timer: NodeJS.Timeout

  constructor(deps: ReporterDeps) {
    this.#deps = deps
    this.#timer = setInterval(() => {
      this.#writing ??= this.write()
        .catch((error: unknown) => deps.log.debug({ err: error }, 'upkeep not told'))
        .finally(() => {
          this.#writing = null
        })
    }, WRITE_EVERY_MS)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#writing
  }

  /** Writes where something has changed. */
  async write(): Promise<void> {
    const { database, lease } = this.#deps
    if (!lease.isHeld) {
      this.#since = null
      return
    }
    const status = await this.#compose()
    const text = JSON.stringify(status)
    if (text === this.#written) return
    await askDatabase(() => collectionOf(database).replaceOne({ _id: STATUS }, { ...status }, { upsert: true }))
    this.#written = text
  }

  async #compose(): Promise<UpkeepStatus> {
    const { managerId, lease, fileServers, loops, chunks, haltedOrphans } = this.#deps
    this.#since ??= new Date(Date.now() - lease.heldMs).toISOString()
    const known = await fileServers.read()
    const lost = known.filter(({ isLost }) => isLost)
    const halted = known.flatMap(({ id, name, missingShare }): Halt[] => {
      const place = { fileServer: id, name }
      const orphans = haltedOrphans.get(id)
      return [
        ...(orphans ? [{ ...place, why: 'orphans' as const, count: orphans.orphans, copies: orphans.copies }] : []),
        ...(missingShare
          ? [{ ...place, why: 'missing' as const, count: missingShare.missing, copies: missingShare.copies }]
          : []),
      ]
    })
    return {
      manager: managerId,
      since: this.#since,
      loops: loops(),
      chunks: chunks(),
      fileServers: {
        known: known.length,
        active: known.filter(({ isActive }) => isActive).length,
        silent: known
          .filter(({ silentMs, isLost }) => silentMs > SILENT_AFTER_MS && !isLost)
          .map(({ id, name, zone, lastHeardAt }) => ({ id, name, zone, lastHeardAt: lastHeardAt.toISOString() })),
        lost: lost.map(({ id, name, zone, lostAt }) => ({ id, name, zone, lostAt: lostAt?.toISOString() ?? '' })),
      },
      halted,
    }
  }
}
