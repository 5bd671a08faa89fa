import { parseAddress } from '@holdfast/shared/node/address'
import type Wire from 'bittorrent-protocol'

/** At most this many connections are taken over TCP, and as many over uTP. */
export const MAX_CONNECTIONS = 200
const MAX_PER_NETWORK = 8
/** With more than this of them those are ended that are of no use. */
const MANY_CONNECTIONS = 150
const IDLE_MS = 180_000

export interface IncomingConnection {
  readonly remoteAddress?: string | undefined
  destroy(): void
  once(name: 'close', listener: () => void): unknown
  on(name: 'error', listener: () => void): unknown
}

interface Moved {
  readonly bytes: number
  readonly at: number
}

/** Keeps a few from taking all connections that there are: those of one network, and those that do nothing with theirs. */
export class ConnectionLimits {
  readonly #counts = new Map<string, number>()
  readonly #moved = new WeakMap<Wire, Moved>()

  /** @returns whether a connection is taken; it is ended where not. Several peers may share this machine. */
  takes(connection: IncomingConnection): boolean {
    const address = parseAddress(connection.remoteAddress ?? '')
    if (address === null || address.scope === 'loopback') return true
    const { network } = address
    const count = this.#counts.get(network) ?? 0
    if (count >= MAX_PER_NETWORK) {
      connection.on('error', () => undefined)
      connection.destroy()
      return false
    }
    this.#counts.set(network, count + 1)
    connection.once('close', () => {
      const left = (this.#counts.get(network) ?? 1) - 1
      if (left === 0) this.#counts.delete(network)
      else this.#counts.set(network, left)
    })
    return true
  }

  /** Where there are many connections from outside, ends those on which no block has moved for long. */
  endIdle(wires: readonly Wire[], now = performance.now()): void {
    for (const kind of ['tcpIncoming', 'utpIncoming']) {
      const ofKind = wires.filter(({ type }) => type === kind)
      const idle = ofKind.filter((wire) => this.#isIdle(wire, now))
      if (ofKind.length > MANY_CONNECTIONS) for (const wire of idle) wire.destroy()
    }
  }

  #isIdle(wire: Wire, now: number): boolean {
    const bytes = wire.uploaded + wire.downloaded
    const before = this.#moved.get(wire)
    if (before?.bytes === bytes) return now - before.at >= IDLE_MS
    this.#moved.set(wire, { bytes, at: now })
    return false
  }
}
