import { type Address, type Endpoint, isReachableFrom, type Scope } from '@holdfast/shared/node/address'

/**
 * A peer of a swarm shares or loads the bytes of an info-hash. There are many of them, so texts stand for bytes, one character
 * each, and times are whole seconds of the wall clock, which V8 keeps within the record: a Buffer takes five times as much.
 */
export interface SwarmPeer {
  /** This is the address and port as trackers send them: 6 or 18 bytes (BEP 23, BEP 7). */
  readonly key: string
  readonly scope: Scope
  /** The peer chose these 20 bytes. */
  readonly peerId: string
  /** It has all bytes. */
  readonly isSeed: boolean
  readonly expiresAt: number
  /** The database has it expire then, or is about to. */
  readonly storedUntil: number
}

/** Of a swarm so many peers are known; the one that announced longest ago goes first. */
export const MAX_PEERS = 2_000
/** This many of them may be in one network, which is an IPv4 address or an IPv6 /64. */
const MAX_PEERS_PER_NETWORK = 64
/** So few are found by looking at each of them, without a map that takes more than they do. */
const FEW_PEERS = 8
/** So many of an address's first bytes say which network it is in, by the number of all its bytes. */
const NETWORK_BYTES = { 4: 4, 16: 8 } as const
const PORT_BYTES = 2

export function peerOf(endpoint: Endpoint, fields: Omit<SwarmPeer, 'key' | 'scope'>): SwarmPeer {
  const { peerId, isSeed, expiresAt, storedUntil } = fields
  return { key: keyOf(endpoint), scope: endpoint.address.scope, peerId, isSeed, expiresAt, storedUntil }
}

export function keyOf({ address, port }: Endpoint): string {
  return address.bytes.toString('latin1') + String.fromCharCode(port >> 8, port & 0xff)
}

/** @returns whether a peer has an IPv4 address, or an IPv6 address */
export function isOfFamily({ key }: SwarmPeer, family: 4 | 6): boolean {
  return key.length === (family === 4 ? 4 : 16) + PORT_BYTES
}

/** Holds the peers of one info-hash, as far as this process knows them. */
export class Swarm {
  /** They stand in the order in which they came. */
  #peers: Mutable<SwarmPeer>[] = []
  /** Holds the same ones by their keys, once they are more than a few. */
  #byKey: Map<string, Mutable<SwarmPeer>> | null = null
  #seedCount = 0
  /** None of them expires before this. */
  #expiresFirst = 0
  /** Counts how often the bytes were completed. */
  downloaded = 0
  /** It was read from the database then, by the monotonic clock. */
  readAt = 0
  /** The database keeps what it has of the swarm besides its peers until then, by the wall clock. */
  keptUntil = 0

  get size(): number {
    return this.#peers.length
  }

  get seedCount(): number {
    return this.#seedCount
  }

  get(key: string): SwarmPeer | undefined {
    return this.#find(key)
  }

  peers(): readonly SwarmPeer[] {
    return this.#peers
  }

  /** @returns whether an address may have one more peer here */
  hasRoomFor({ bytes }: Address): boolean {
    if (this.#peers.length < MAX_PEERS_PER_NETWORK) return true
    const network = bytes.toString('latin1', 0, NETWORK_BYTES[bytes.length === 4 ? 4 : 16])
    let count = 0
    for (const { key } of this.#peers)
      if (key.length === bytes.length + PORT_BYTES && key.startsWith(network)) count += 1
    return count < MAX_PEERS_PER_NETWORK
  }

  /** Puts a peer in, in place of what it was before. @returns the record of it, which follows what it becomes */
  put(peer: SwarmPeer): SwarmPeer {
    this.#expiresFirst = this.size === 0 ? peer.expiresAt : Math.min(this.#expiresFirst, peer.expiresAt)
    const known = this.#find(peer.key)
    if (known !== undefined) {
      this.#seedCount += Number(peer.isSeed) - Number(known.isSeed)
      // A peer usually tells the same again, and a text that is kept takes memory.
      if (known.peerId !== peer.peerId) known.peerId = peer.peerId
      known.isSeed = peer.isSeed
      known.expiresAt = peer.expiresAt
      known.storedUntil = peer.storedUntil
      return known
    }
    if (this.size >= MAX_PEERS) this.#deleteOldest()
    // A list that begins with a peer has no room for further ones, which most swarms never have.
    if (this.size === 0) this.#peers = [peer]
    else this.#peers.push(peer)
    this.#seedCount += Number(peer.isSeed)
    if (this.#byKey !== null) this.#byKey.set(peer.key, peer)
    else if (this.size > FEW_PEERS) this.#byKey = new Map(this.#peers.map((each) => [each.key, each]))
    return peer
  }

  delete(key: string): boolean {
    const peer = this.#find(key)
    if (peer === undefined) return false
    this.#peers.splice(this.#peers.indexOf(peer), 1)
    this.#forget(peer)
    return true
  }

  /** Removes those that have expired. @param now whole seconds of the wall clock */
  expire(now: number): void {
    if (this.size === 0 || now < this.#expiresFirst) return
    let kept = 0
    this.#expiresFirst = Number.MAX_SAFE_INTEGER
    for (const peer of this.#peers) {
      if (peer.expiresAt > now) {
        this.#expiresFirst = Math.min(this.#expiresFirst, peer.expiresAt)
        this.#peers[kept++] = peer
      } else this.#forget(peer)
    }
    this.#peers.length = kept
  }

  /**
   * Chooses other peers for one that asks: those that it can reach, and no seeds for a seed.
   * @param random a number from 0 to below 1
   */
  choose(
    asker: { key: string; scope: Scope; isSeed: boolean; family: 4 | 6 | null },
    wanted: number,
    random: number,
  ): SwarmPeer[] {
    const { key, scope, isSeed, family } = asker
    const chosen: SwarmPeer[] = []
    const { length } = this.#peers
    const start = Math.floor(random * length)
    for (let step = 0; step < length && chosen.length < wanted; step++) {
      const peer = this.#peers[(start + step) % length]
      if (peer === undefined || peer.key === key || (isSeed && peer.isSeed)) continue
      if (family !== null && !isOfFamily(peer, family)) continue
      if (isReachableFrom(scope, peer.scope)) chosen.push(peer)
    }
    return chosen
  }

  #find(key: string): Mutable<SwarmPeer> | undefined {
    return this.#byKey === null ? this.#peers.find((peer) => peer.key === key) : this.#byKey.get(key)
  }

  #deleteOldest(): void {
    const oldest = this.#peers.reduce((one, other) => (other.expiresAt < one.expiresAt ? other : one))
    this.delete(oldest.key)
  }

  #forget({ key, isSeed }: SwarmPeer): void {
    this.#byKey?.delete(key)
    this.#seedCount -= Number(isSeed)
  }
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }
