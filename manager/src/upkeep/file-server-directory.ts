import type { ServerId } from '@holdfast/shared/ids'
import type { Logger } from '@holdfast/shared/node/logger'
import type { FileServerLink } from '../chunks/links/file-server-link.ts'
import type { FileServerRegistry } from '../chunks/registry.ts'
import { askDatabase, type Database } from '../mongo/database.ts'
import { type HeardFileServer, planLost } from './plan-lost.ts'

const RECORD_EVERY_MS = 3_000

/** An unlikely share of the copies that records name on a file-server is missing from its inventory. */
export interface MissingShare {
  readonly missing: number
  readonly copies: number
}

interface FileServerDocument {
  readonly _id: ServerId
  readonly name: string
  readonly zone: string
  /** This is by mongod's clock. */
  readonly lastHeardAt: Date
  readonly lostAt?: Date
  readonly missingShare?: MissingShare
}

export interface KnownFileServer extends HeardFileServer {
  readonly name: string
  readonly zone: string
  readonly isActive: boolean
  /** This is by mongod's clock, as it was recorded last. */
  readonly lastHeardAt: Date
  readonly lostAt: Date | null
  /** Nothing of it is dropped while there is one. */
  readonly missingShare: MissingShare | null
}

export interface DirectoryDeps {
  readonly database: Database
  readonly registry: FileServerRegistry
  readonly log: Logger
}

export interface DirectorySettings {
  readonly fileServerGraceMs: number
  readonly activeWithinMs: number
}

/**
 * Remembers in MongoDB all file-servers that the cluster has. Every manager records those that it hears from, so that the one
 * that does the upkeep knows when any of them last was.
 */
export class FileServerDirectory {
  readonly #deps: DirectoryDeps
  readonly #settings: DirectorySettings
  readonly #everyMs: number
  #timer: NodeJS.Timeout | undefined
  #recording: Promise<void> | null = null
  #recordedAt = performance.now()

  constructor(deps: DirectoryDeps, settings: DirectorySettings) {
    this.#deps = deps
    this.#settings = settings
    this.#everyMs = Math.max(50, Math.min(RECORD_EVERY_MS, settings.fileServerGraceMs / 4))
  }

  start(): void {
    this.#timer = setInterval(() => {
      // The next round records the same, and the database's own state is logged where it changes.
      this.#recording ??= this.record()
        .catch(() => undefined)
        .finally(() => {
          this.#recording = null
        })
    }, this.#everyMs)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#recording
  }

  /** Records the file-servers that were heard from since the last time. A lost one is lost no more. */
  async record(): Promise<void> {
    const { registry } = this.#deps
    const now = performance.now()
    const heard = registry.links.filter((link) => registry.isActive(link) && link.silentMs <= now - this.#recordedAt)
    if (heard.length > 0) await askDatabase(() => this.#collection.bulkWrite(heard.map(recordOf), { ordered: false }))
    this.#recordedAt = now
  }

  /**
   * Records a file-server that is about to be let in, so that it is known before it gets anything. The wait is short, and where
   * it fails the next round records it.
   */
  async noteJoining(link: FileServerLink): Promise<void> {
    const { filter, update, upsert } = recordOf(link).updateOne
    await askDatabase(() => this.#collection.updateOne(filter, update, { upsert })).catch((error: unknown) =>
      this.#deps.log.debug({ serverId: link.id, err: error }, 'file-server not recorded yet'),
    )
  }

  /** Reads what is known of all file-servers. */
  async read(): Promise<KnownFileServer[]> {
    const { registry } = this.#deps
    const fields = {
      ...{ name: 1, zone: 1, lastHeardAt: 1, lostAt: 1, missingShare: 1 },
      silentMs: { $subtract: ['$$NOW', '$lastHeardAt'] },
    }
    const found = await askDatabase(() =>
      this.#collection.find<FileServerDocument & { silentMs: number | bigint }>({}, { projection: fields }).toArray(),
    )
    return found.map(({ _id: id, name, zone, lastHeardAt, lostAt = null, missingShare = null, ...server }) => {
      const link = registry.find(id)
      const isHere = link !== undefined && registry.isActive(link)
      const silentMs = isHere ? 0 : Number(server.silentMs)
      const isActive = silentMs < this.#activeWithinMs
      const isLost = lostAt !== null && !isHere
      return { id, name, zone, silentMs, lastHeardAt, isActive, isLost, lostAt, missingShare }
    })
  }

  /** Declares lost what is. @param heldMs for how long this manager has held the lease. @returns all that are known */
  async review(heldMs: number): Promise<KnownFileServer[]> {
    const { fileServerGraceMs: graceMs } = this.#settings
    const known = await this.read()
    const lost = planLost(known, { graceMs, activeWithinMs: this.#activeWithinMs, heldMs })
    if (lost.length === 0) return known
    for (const id of lost) await this.#declareLost(id)
    return this.read()
  }

  /** @param share null where nothing unlikely is missing there any more */
  async noteMissingShare(id: ServerId, share: MissingShare | null): Promise<void> {
    const update = share === null ? { $unset: { missingShare: '' as const } } : { $set: { missingShare: share } }
    await askDatabase(() => this.#collection.updateOne({ _id: id }, update))
  }

  /** Forgets a lost file-server, unless it has come back. */
  async forget(id: ServerId): Promise<boolean> {
    const filter = { _id: id, lostAt: { $exists: true } }
    return (await askDatabase(() => this.#collection.deleteOne(filter))).deletedCount === 1
  }

  get #collection() {
    return this.#deps.database.connection.collection<FileServerDocument>('fileServers')
  }

  /** Others may have recorded it some time ago. */
  get #activeWithinMs(): number {
    return Math.min(this.#settings.activeWithinMs + 2 * this.#everyMs, this.#settings.fileServerGraceMs)
  }

  /** A file-server that some manager hears from at this moment is not lost: the update sees its new time. */
  async #declareLost(id: ServerId): Promise<void> {
    const { fileServerGraceMs } = this.#settings
    const isSilent = { $gte: [{ $subtract: ['$$NOW', '$lastHeardAt'] }, fileServerGraceMs] }
    const filter = { _id: id, lostAt: { $exists: false }, $expr: isSilent }
    const server = await askDatabase(() =>
      this.#collection.findOneAndUpdate(filter, [{ $set: { lostAt: '$$NOW' } }], { returnDocument: 'after' }),
    )
    if (server === null) return
    const { name, zone, lastHeardAt } = server
    this.#deps.log.error(
      { serverId: id, name, zone, lastHeardAt },
      'file-server lost: its replicas do not count any more',
    )
  }
}

function recordOf(link: FileServerLink) {
  const { id, name, zone, silentMs } = link
  const heardAt = { $subtract: ['$$NOW', Math.round(silentMs)] }
  const told = { name: { $literal: name }, zone: { $literal: zone } }
  const update = [{ $set: { ...told, lastHeardAt: { $max: ['$lastHeardAt', heardAt] } } }, { $unset: 'lostAt' }]
  return { updateOne: { filter: { _id: id }, update, upsert: true } }
}
