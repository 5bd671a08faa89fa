import { StoreError } from '@holdfast/shared/errors/store-error'
import type { ServerId } from '@holdfast/shared/ids'
import type { Heartbeat } from '@holdfast/shared/wire/shapes'
import type { FileServerLink } from './links/file-server-link.ts'
import { type CopyWish, canTake, chooseServers, type PlacementWish, type ServerView } from './placement.ts'

/** At most so much is placed together: more is worth the work of two file-servers. */
const TOGETHER_MAX_COUNT = 64
const TOGETHER_MAX_BYTES = 256 * 1024

/** This manager keeps account of a file-server from one heartbeat to the next. */
interface Account {
  /** The records count so many copies, which is used until the file-server has counted for itself. */
  recordCount: number
  /** Counts the copies stored less those deleted since all were last counted. */
  changeCount: number
  inFlightCount: number
  inFlightBytes: number
}

/** Takes a place on a file-server while a copy is on its way to it. */
export interface Reservation extends Disposable {
  readonly link: FileServerLink
}

/** All copies of one turn of the event loop that go to as many file-servers may share this choice. */
interface TurnChoice {
  readonly links: readonly FileServerLink[]
  count: number
  bytes: number
}

/** A chunk is to be placed like this. */
export interface SeveralWish extends PlacementWish {
  /** Fewer places than this are of no use. It is 1 unless given. */
  readonly least?: number
}

export interface RegistryOptions {
  /** Is called when a file-server has come or gone. */
  readonly onChange?: () => void
  /** Upkeep would not even out a difference of so many copies between two file-servers. */
  readonly evenWithin?: number
}

/** Knows the file-servers connected to this manager, and keeps the counts that placement goes by. */
export class FileServerRegistry {
  readonly #links = new Map<ServerId, FileServerLink>()
  readonly #accounts = new Map<ServerId, Account>()
  readonly #activeWithinMs: number
  readonly #onChange: () => void
  readonly #maxTogether: number
  /** Has the choices of this turn by the number of file-servers that was wished for. */
  readonly #turns = new Map<number, TurnChoice>()

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

  /** @param recordCount how many copies it holds by the records */
  add(link: FileServerLink, recordCount: number): void {
    this.#links.set(link.id, link)
    const account = this.#accountOf(link.id)
    account.recordCount = recordCount
    account.changeCount = 0
    this.#onChange()
  }

  /** Removes a link, unless a newer one of the same file-server has taken its place. */
  remove(link: FileServerLink): void {
    if (this.#links.get(link.id) !== link) return
    this.#links.delete(link.id)
    this.#onChange()
  }

  hear(link: FileServerLink, heartbeat: Heartbeat): void {
    link.hear(heartbeat)
    // Acks and heartbeats come in order on one socket, so this heartbeat has counted whatever was acknowledged before it.
    if (heartbeat.isInventoryDone) this.#accountOf(link.id).changeCount = 0
  }

  isActive(link: FileServerLink): boolean {
    return link.isConnected && link.silentMs < this.#activeWithinMs
  }

  /** Says whether a copy can be stored: `unavailable` where no file-server is active, `full` where all active ones refuse. */
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

  /** @returns whether `reserve` would find a place, on a file-server that answers lately where only such a one is of use */
  hasRoom(wish: CopyWish, mustAnswer = false): boolean {
    return this.views().some((view) => canTake(view, wish) && !(mustAnswer && view.isSilent))
  }

  /** Chooses a file-server for a copy and takes the place on it. @throws as `reserveSeveral` does */
  reserve(wish: CopyWish): Reservation {
    const [place] = this.reserveSeveral({ count: 1, ...wish })
    if (place === undefined) throw new StoreError('SERVERS_UNAVAILABLE')
    return place
  }

  /**
   * Chooses up to `count` file-servers for copies of one chunk and takes a place on each. Small ones of one turn of the event
   * loop go to the same file-servers, where they share messages and a sync, which is most of their cost; the next turn goes to
   * whoever has the fewest copies then. @throws SERVERS_UNAVAILABLE where fewer than `least` are active, INSUFFICIENT_STORAGE
   * where full ones are among those that are missing
   */
  reserveSeveral(wish: SeveralWish): Reservation[] {
    const links = this.#joinTurn(wish) ?? this.#choose(wish)
    return links.map((link) => this.reserveOn(link, wish.sizeBytes))
  }

  reserveOn(link: FileServerLink, sizeBytes: number): Reservation {
    const account = this.#accountOf(link.id)
    account.inFlightCount++
    account.inFlightBytes += sizeBytes
    return {
      link,
      [Symbol.dispose]() {
        account.inFlightCount--
        account.inFlightBytes -= sizeBytes
      },
    }
  }

  /** @param change +1 for a copy that a file-server acknowledged, -1 for one that it deleted */
  count(id: ServerId, change: 1 | -1): void {
    this.#accountOf(id).changeCount += change
  }

  #choose(wish: SeveralWish): readonly FileServerLink[] {
    const views = this.views()
    const links = chooseServers(views, wish).flatMap((id) => this.#links.get(id) ?? [])
    if (links.length < (wish.least ?? 1)) {
      const full = views.filter((view) => view.isActive && !wish.exclude?.includes(view.id) && !canTake(view, wish))
      throw new StoreError(full.length > 0 ? 'INSUFFICIENT_STORAGE' : 'SERVERS_UNAVAILABLE')
    }
    // Where some are missing, the next one may fit where this one did not.
    if (links.length === wish.count && wish.sizeBytes <= TOGETHER_MAX_BYTES) this.#beginTurn(links, wish)
    return links
  }

  #beginTurn(links: readonly FileServerLink[], { count, sizeBytes }: SeveralWish): void {
    if (this.#turns.size === 0) setImmediate(() => this.#turns.clear())
    this.#turns.set(count, { links, count: 1, bytes: sizeBytes })
  }

  #joinTurn(wish: SeveralWish): readonly FileServerLink[] | null {
    const turn = this.#turns.get(wish.count)
    if (turn === undefined || turn.count >= this.#maxTogether || turn.bytes + wish.sizeBytes > TOGETHER_MAX_BYTES)
      return null
    const isOpen = (link: FileServerLink): boolean =>
      !link.isSilent && !wish.zones?.includes(link.zone) && canTake(this.#viewOf(link), wish)
    if (!turn.links.every(isOpen)) return null
    turn.count += 1
    turn.bytes += wish.sizeBytes
    return turn.links
  }

  #viewOf(link: FileServerLink): ServerView {
    const account = this.#accountOf(link.id)
    const counted = link.heartbeat.isInventoryDone ? link.heartbeat.copyCount : account.recordCount
    return {
      id: link.id,
      isActive: this.isActive(link),
      isWritable: link.heartbeat.isWritable,
      isSilent: link.isSilent,
      zone: link.zone,
      copyCount: Math.max(0, counted + account.changeCount) + account.inFlightCount,
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
