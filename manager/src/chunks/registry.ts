import { StoreError } from '@holdfast/shared/errors/store-error'
import type { ServerId } from '@holdfast/shared/ids'
import type { Heartbeat } from '@holdfast/shared/wire/shapes'
import type { FileServerLink } from './links/file-server-link.ts'
import { canTake, chooseServers, type PlacementWish, type ServerView } from './placement.ts'

/** What is placed together, at most: more is worth the work of two file-servers. */
const TOGETHER_MAX_COUNT = 64
const TOGETHER_MAX_BYTES = 256 * 1024

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
export class Reservation implements Disposable {
  readonly link: FileServerLink
  readonly #account: Account
  readonly #sizeBytes: number

  constructor(link: FileServerLink, account: Account, sizeBytes: number) {
    this.link = link
    this.#account = account
    this.#sizeBytes = sizeBytes
    account.inFlightCount++
    account.inFlightBytes += sizeBytes
  }

  [Symbol.dispose](): void {
    this.#account.inFlightCount--
    this.#account.inFlightBytes -= this.#sizeBytes
  }
}

/** The choice for the copies of one turn of the event loop. */
interface TurnChoice {
  readonly link: FileServerLink
  count: number
  bytes: number
}

export interface RegistryOptions {
  /** Called when a file-server has come or gone. */
  readonly onChange?: () => void
  /** So many files between two file-servers are nothing that upkeep would even out. */
  readonly evenWithin?: number
}

/** The file-servers connected to this manager, and the counts that placement goes by. */
export class FileServerRegistry {
  readonly #links = new Map<ServerId, FileServerLink>()
  readonly #accounts = new Map<ServerId, Account>()
  readonly #activeWithinMs: number
  readonly #onChange: () => void
  readonly #maxTogether: number
  #turn: TurnChoice | null = null

  constructor(
    activeWithinMs: number,
    { onChange = () => undefined, evenWithin = TOGETHER_MAX_COUNT }: RegistryOptions = {},
  ) {
    this.#activeWithinMs = activeWithinMs
    this.#onChange = onChange
    this.#maxTogether = Math.max(1, Math.min(TOGETHER_MAX_COUNT, evenWithin))
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
    return this.links.map((link) => this.#viewOf(link))
  }

  /** Whether `reserve` would find a place. */
  hasRoom(wish: Omit<PlacementWish, 'count'>): boolean {
    return this.views().some((view) => canTake(view, wish))
  }

  /**
   * Chooses a file-server for a copy and takes the place on it. Small copies of one turn of the event loop go to the same
   * one: they share its messages and its sync, which is most of their cost; the next turn goes to whoever has the fewest then.
   * @throws SERVERS_UNAVAILABLE where none is active, INSUFFICIENT_STORAGE where all active ones are full
   */
  reserve(wish: Omit<PlacementWish, 'count'>): Reservation {
    const together = this.#joinTurn(wish)
    if (together !== null) return this.reserveOn(together, wish.sizeBytes)
    const views = this.views()
    const [id] = chooseServers(views, { ...wish, count: 1 })
    const link = id === undefined ? undefined : this.#links.get(id)
    if (link === undefined) {
      const others = views.filter((view) => view.isActive && !wish.exclude?.includes(view.id))
      throw new StoreError(others.length > 0 ? 'INSUFFICIENT_STORAGE' : 'SERVERS_UNAVAILABLE')
    }
    if (wish.sizeBytes <= TOGETHER_MAX_BYTES) this.#beginTurn(link, wish.sizeBytes)
    return this.reserveOn(link, wish.sizeBytes)
  }

  reserveOn(link: FileServerLink, sizeBytes: number): Reservation {
    return new Reservation(link, this.#accountOf(link.id), sizeBytes)
  }

  /** @param change +1 for a copy that a file-server acknowledged, -1 for one it deleted. */
  count(id: ServerId, change: 1 | -1): void {
    this.#accountOf(id).changeCount += change
  }

  #beginTurn(link: FileServerLink, bytes: number): void {
    if (this.#turn === null)
      setImmediate(() => {
        this.#turn = null
      })
    this.#turn = { link, count: 1, bytes }
  }

  #joinTurn(wish: Omit<PlacementWish, 'count'>): FileServerLink | null {
    const turn = this.#turn
    if (turn === null || turn.count >= this.#maxTogether || turn.bytes + wish.sizeBytes > TOGETHER_MAX_BYTES)
      return null
    if (turn.link.isSilent || !canTake(this.#viewOf(turn.link), wish)) return null
    turn.count += 1
    turn.bytes += wish.sizeBytes
    return turn.link
  }

  #viewOf(link: FileServerLink): ServerView {
    const account = this.#accountOf(link.id)
    const counted = link.heartbeat.isInventoryDone ? link.heartbeat.fileCount : account.recordCount
    return {
      id: link.id,
      isActive: this.isActive(link),
      isWritable: link.heartbeat.isWritable,
      isSilent: link.isSilent,
      fileCount: Math.max(0, counted + account.changeCount) + account.inFlightCount,
      roomBytes: link.heartbeat.freeBytes - account.inFlightBytes,
    }
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
