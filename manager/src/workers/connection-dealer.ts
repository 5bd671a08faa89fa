import type { Socket } from 'node:net'

/** At most so many connections wait for a worker. Further ones are closed. */
const MAX_WAITING = 1_024
/** A connection that no worker has taken by then is closed, and its client tries again or tells. */
const TAKEN_WITHIN_MS = 5_000

/** Connections go to takers. A taker answers both calls by `took` of the dealer, with the number that it was told. */
export interface Taker {
  give(connection: Socket, number: number): void
  /** Asks again without a connection, for one can be lost on its way, and then the taker never hears of it. */
  ask(number: number): void
}

interface Given {
  readonly connection: Socket
  readonly number: number
  readonly timer: NodeJS.Timeout
}

/**
 * Deals connections to workers in turn, one at a time to each until it has taken it, so that a worker that is stuck holds up
 * only one. The connection stays open here until then, so that it can be closed if the worker dies with it. (node:cluster
 * forgets such a connection, and its client waits for ever.)
 */
export class ConnectionDealer {
  readonly #waiting: Socket[] = []
  readonly #free: Taker[] = []
  readonly #given = new Map<Taker, Given>()
  #lastNumber = 0

  deal(connection: Socket): void {
    // A client that resets its connection has nothing left to wait for.
    connection.on('error', () => connection.destroy())
    if (this.#waiting.length >= MAX_WAITING) {
      connection.destroy()
      return
    }
    connection.setTimeout(TAKEN_WITHIN_MS, () => this.#giveUp(connection))
    this.#waiting.push(connection)
    this.#next()
  }

  /** Adds a worker that serves. */
  add(taker: Taker): void {
    this.#free.push(taker)
    this.#next()
  }

  /** Notes that a worker has taken what it was given under this number, or refuses it, or never gets it. */
  took(taker: Taker, number: number): void {
    // A late answer does not speak for the connection that came next.
    if (this.#given.get(taker)?.number !== number) return
    this.#takeBack(taker)?.destroy()
    this.add(taker)
  }

  /**
   * Retires a worker that stops. It tells so after all that it took, and refuses unread what comes later, which goes to
   * another.
   */
  retire(taker: Taker): void {
    const untaken = this.#takeBack(taker)
    this.remove(taker)
    if (untaken === undefined) return
    this.#waiting.unshift(untaken)
    this.#next()
  }

  /** Removes a worker that has died. What it may have begun to read is closed. */
  remove(taker: Taker): void {
    const index = this.#free.indexOf(taker)
    if (index >= 0) this.#free.splice(index, 1)
    const connection = this.#takeBack(taker)
    if (connection !== undefined) this.#giveUp(connection)
  }

  /** Closes what still waits. */
  close(): void {
    for (const connection of [...this.#waiting]) this.#giveUp(connection)
    for (const taker of [...this.#given.keys()]) this.remove(taker)
  }

  #next(): void {
    while (this.#waiting.length > 0 && this.#free.length > 0) {
      const connection = this.#waiting.shift()
      if (connection === undefined || connection.destroyed || connection.writableEnded) continue
      const taker = this.#free.shift()
      if (taker === undefined) return
      this.#lastNumber += 1
      const number = this.#lastNumber
      const timer = setTimeout(() => taker.ask(number), TAKEN_WITHIN_MS)
      this.#given.set(taker, { connection, number, timer })
      taker.give(connection, number)
    }
  }

  #takeBack(taker: Taker): Socket | undefined {
    const given = this.#given.get(taker)
    clearTimeout(given?.timer)
    this.#given.delete(taker)
    return given?.connection
  }

  /** Sends an end first, because a worker's channel may still hold the connection open. */
  #giveUp(connection: Socket): void {
    const index = this.#waiting.indexOf(connection)
    if (index >= 0) this.#waiting.splice(index, 1)
    connection.end(() => connection.destroy())
  }
}
