import type { Socket } from 'node:net'

/** Connections that wait for a worker. Further ones are closed. */
const MAX_WAITING = 1_024
/** A connection that no worker has taken by then is closed: its client tries again or tells. */
const TAKEN_WITHIN_MS = 5_000

/** Where connections go. `give` answers by `took` of the dealer. */
export interface Taker {
  give(connection: Socket): void
}

/**
 * Deals connections to workers in turn, one at a time to each until it has taken it: a worker that is stuck holds up one.
 * The connection stays open here until then, so that it can be closed if the worker dies with it. (node:cluster forgets
 * such a connection, and its client waits for ever.)
 */
export class ConnectionDealer {
  readonly #waiting: Socket[] = []
  readonly #free: Taker[] = []
  readonly #given = new Map<Taker, Socket>()

  deal(connection: Socket): void {
    // Reset by its client; nothing is lost.
    connection.on('error', () => connection.destroy())
    if (this.#waiting.length >= MAX_WAITING) {
      connection.destroy()
      return
    }
    connection.setTimeout(TAKEN_WITHIN_MS, () => this.#giveUp(connection))
    this.#waiting.push(connection)
    this.#next()
  }

  /** A worker serves. */
  add(taker: Taker): void {
    this.#free.push(taker)
    this.#next()
  }

  /** A worker has taken what it was given, or refuses it. */
  took(taker: Taker): void {
    const connection = this.#given.get(taker)
    if (connection === undefined) return
    this.#given.delete(taker)
    connection.destroy()
    this.add(taker)
  }

  /** A worker has died or stops. What it may have begun to read is closed. */
  remove(taker: Taker): void {
    const index = this.#free.indexOf(taker)
    if (index >= 0) this.#free.splice(index, 1)
    const connection = this.#given.get(taker)
    this.#given.delete(taker)
    if (connection !== undefined) this.#giveUp(connection)
  }

  /** Closes what still waits. */
  close(): void {
    for (const connection of [...this.#waiting, ...this.#given.values()]) this.#giveUp(connection)
  }

  #next(): void {
    while (this.#waiting.length > 0 && this.#free.length > 0) {
      const connection = this.#waiting.shift()
      if (connection === undefined || connection.destroyed) continue
      const taker = this.#free.shift()
      if (taker === undefined) return
      this.#given.set(taker, connection)
      taker.give(connection)
    }
  }

  /** Its end is sent also where a worker's channel still holds the connection open. */
  #giveUp(connection: Socket): void {
    const index = this.#waiting.indexOf(connection)
    if (index >= 0) this.#waiting.splice(index, 1)
    connection.end(() => connection.destroy())
  }
}
