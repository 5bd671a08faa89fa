import { countFitting, encodeGroup, type GroupItem } from './group.ts'
import type { WireSocket } from './peer.ts'

/** Sends groups. Whatever becomes ready within one turn of the event loop goes together. */
export class Outbox {
  readonly #socket: WireSocket
  readonly #event: 'commands' | 'acks'
  #items: GroupItem[] = []

  constructor(socket: WireSocket, event: 'commands' | 'acks') {
    this.#socket = socket
    this.#event = event
  }

  /** Adds an item, whose bytes must stay as they are until the end of this turn, when they are read. */
  add(item: GroupItem): void {
    this.#items.push(item)
    if (this.#items.length === 1) setImmediate(() => this.#flush())
  }

  /**
   * Sends a group at once. Where the connection is gone it sends nothing: whoever waits for the group learns of that by
   * itself.
   */
  send(items: readonly GroupItem[]): void {
    if (this.#socket.connected) this.#socket.emit(this.#event, encodeGroup(items))
  }

  #flush(): void {
    const items = this.#items
    this.#items = []
    for (let start = 0; start < items.length; ) {
      const count = countFitting(items, start)
      this.send(count === items.length ? items : items.slice(start, start + count))
      start += count
    }
  }
}
