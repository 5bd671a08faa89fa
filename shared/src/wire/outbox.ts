import { countFitting, encodeGroup, type GroupItem } from './group.ts'

/** Collects what becomes ready within one turn of the event loop, and sends it together. */
export class Outbox {
  readonly #send: (group: Uint8Array) => void
  #items: GroupItem[] = []

  /** @param send must not throw. */
  constructor(send: (group: Uint8Array) => void) {
    this.#send = send
  }

  /** The bytes are read at the end of the turn: until then they must stay as they are. */
  add(item: GroupItem): void {
    this.#items.push(item)
    if (this.#items.length === 1) setImmediate(() => this.#flush())
  }

  #flush(): void {
    const items = this.#items
    this.#items = []
    for (let start = 0; start < items.length; ) {
      const count = countFitting(items, start)
      this.#send(encodeGroup(count === items.length ? items : items.slice(start, start + count)))
      start += count
    }
  }
}
