import { countFitting, encodeGroup, type GroupItem } from './group.ts'
import type { WireSocket } from './peer.ts'

/** Sends groups: what becomes ready within one turn of the event loop goes together. */
export class Outbox {
  readonly #socket: WireSocket
  readonly #event: 'commands' | 'acks'
  #items: GroupItem[] = []

  constructor(socket: WireSocket, event: 'commands' | 'acks') {
    this.#socket = socket
    this.#event = event
  }

  /** The bytes are read at the end of the turn: until then they must stay as they are. */
  add(item: GroupItem): void {
    this.#items.push(item)
    if (this.#items.length === 1) setImmediate(() => this.#flush())
  }

  /** Sends a group at once; whoever waits for it on a connection that is gone is told so by that. */
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
