import { StoreError } from '@holdfast/shared/errors/store-error'
import type { ServerId } from '@holdfast/shared/ids'
import type { Heartbeat } from '@holdfast/shared/wire/events'
import { chooseServers, type PlacementWish, type ServerView } from './choose-servers.ts'
import type { FileServerLink } from './file-server-link.ts'

/** What this manager knows of a file-server beyond its last heartbeat. */
interface Account {
  /** Files by the records, used until the file-server has counted for itself. */
  recordCount: number
  /** Copies stored less copies deleted since the last heartbeat. */
  changeCount: number
  inFlightCount: number
  inFlightBytes: number
}

/** A place on a file-server, taken while a copy is on its way to it. */
export interface Reservation extends Disposable {
  readonly link: FileServerLink
}

/** The file-servers connected to this manager, and the counts that placement goes by. */
export class FileServerRegistry {
  readonly #links = new Map<ServerId, FileServerLink>()
  readonly #accounts = new Map<ServerId, Account>()
  readonly #activeWithinMs: number
  /** Called when a file-server has come or gone. */
  readonly #onChange: () => void

  constructor(activeWithinMs: number, onChange: () => void = () => undefined) {
    this.#activeWithinMs = activeWithinMs
    this.#onChange = onChange
  }

  get links(): readonly FileServerLink[] {
    return [...this.#links.values()]
  }

  find(id: ServerId): FileServerLink | undefined {
    return this.#links.get(id)
  }

  /** @param recordCount files it holds by the records. */
  add(link: FileServerLink, recordCount: number): void {
    this.#links.set(link.id, link)
    const account = this.#accountOf(link.id)
    account.recordCount = recordCount
    account.changeCount = 0
    this.#onChange()
  }

  /** A link that was replaced by a newer one of the same file-server is not the one to remove. */
  remove(link: FileServerLink): void {
    if (this.#links.get(link.id) !== link) return
    this.#links.delete(link.id)
    this.#onChange()
  }

  hear(link: FileServerLink, heartbeat: Heartbeat): void {
    link.hear(heartbeat)
    // Acks and heartbeats come on one socket in order: what was acknowledged before is counted in this one.
    if (heartbeat.isInventoryDone) this.#accountOf(link.id).changeCount = 0
  }

  isActive(link: FileServerLink): boolean {
    return link.isConnected && link.silentMs < this.#activeWithinMs
  }

  /** Whether a copy can be stored now: on none, for no file-server is active or all active ones refuse, or on some. */
  get readiness(): 'unavailable' | 'full' | 'ready' {
    let readiness: 'unavailable' | 'full' = 'unavailable'
    for (const link of this.#links.values()) {
      if (!this.isActive(link)) continue
      if (link.heartbeat.isWritable) return 'ready'
      readiness = 'full'
    }
    return readiness
  }

  views(): ServerView[] {
    return this.links.map((link) => {
      const account = this.#accountOf(link.id)
      const counted = link.heartbeat.isInventoryDone ? link.heartbeat.fileCount : account.recordCount
      return {
        id: link.id,
        isActive: this.isActive(link),
        isWritable: link.heartbeat.isWritable,
        fileCount: Math.max(0, counted + account.changeCount) + account.inFlightCount,
        roomBytes: link.heartbeat.freeBytes - account.inFlightBytes,
      }
    })
  }

  /** Whether `reserve` would find a place. */
  hasRoom(wish: Omit<PlacementWish, 'count'>): boolean {
    return chooseServers(this.views(), { ...wish, count: 1 }).length > 0
  }

  /**
   * Chooses a file-server for a copy and takes the place on it.
   * @throws SERVERS_UNAVAILABLE where none is active, INSUFFICIENT_STORAGE where all active ones are full
   */
  reserve(wish: Omit<PlacementWish, 'count'>): Reservation {
    const views = this.views()
    const [id] = chooseServers(views, { ...wish, count: 1 })
    const link = id === undefined ? undefined : this.#links.get(id)
    if (link === undefined) {
      const others = views.filter((view) => view.isActive && !wish.exclude?.includes(view.id))
      throw new StoreError(others.length > 0 ? 'INSUFFICIENT_STORAGE' : 'SERVERS_UNAVAILABLE')
    }
    return this.reserveOn(link, wish.sizeBytes)
  }

  reserveOn(link: FileServerLink, sizeBytes: number): Reservation {
    const account = this.#accountOf(link.id)
    account.inFlightCount++
    account.inFlightBytes += sizeBytes
    return {
      link,
      [Symbol.dispose]: () => {
        account.inFlightCount--
        account.inFlightBytes -= sizeBytes
      },
    }
  }

  /** @param change +1 for a copy that a file-server acknowledged, -1 for one it deleted. */
  count(id: ServerId, change: 1 | -1): void {
    this.#accountOf(id).changeCount += change
  }

  #accountOf(id: ServerId): Account {
    let account = this.#accounts.get(id)
    if (account === undefined) {
      account = { recordCount: 0, changeCount: 0, inFlightCount: 0, inFlightBytes: 0 }
      this.#accounts.set(id, account)
    }
    return account
  }
}
