import { type Address, compactOf, type Endpoint, isReachableFrom, type Scope } from '@holdfast/shared/node/address'

/** Who shares or loads the bytes of an info-hash. */
export interface SwarmPeer {
  /** Address and port, in hexadecimal as trackers send them. */
  readonly key: string
  readonly compact: Buffer
  readonly address: Address
  readonly port: number
  /** 20 bytes that the peer chose. */
  readonly peerId: Buffer
  /** It has all bytes. */
  readonly isSeed: boolean
  /** Milliseconds of the wall clock. */
  readonly expiresAt: number
  /** The database has it expire then, or is about to. */
  readonly storedUntil: number
}

/** Of a swarm so many peers are known; the one that announced longest ago goes first. */
export const MAX_PEERS = 2_000
/** So many of them may have one address. */
const MAX_PEERS_PER_NETWORK = 64

/** @param known the same peer as it was before, which spares to make its names anew */
export function peerOf(
  endpoint: Endpoint,
  { peerId, isSeed, expiresAt, storedUntil }: Pick<SwarmPeer, 'peerId' | 'isSeed' | 'expiresAt' | 'storedUntil'>,
  known?: SwarmPeer,
): SwarmPeer {
  const { address, port } = known ?? endpoint
  const key = known?.key ?? keyOf(endpoint)
  const compact = known?.compact ?? compactOf(endpoint)
  // Written out, for nothing is done as often.
  return { key, compact, address, port, peerId, isSeed, expiresAt, storedUntil }
}

export function keyOf({ address, port }: Endpoint): string {
  return address.bytes.toString('hex') + port.toString(16).padStart(4, '0')
}

interface Entry {
  peer: SwarmPeer
  /** Its place in the list. */
  index: number
}

/** The peers of one info-hash, as far as this process knows them. */
export class Swarm {
  /** The one that announced last stands last. */
  readonly #entries = new Map<string, Entry>()
  /** The same ones in any order, so that some can be chosen at once. */
  readonly #list: Entry[] = []
  readonly #ofNetwork = new Map<string, number>()
  #seedCount = 0
  /** How often the bytes were completed. */
  downloaded = 0
  /** When it was read from the database, by the monotonic clock. */
  readAt = 0
  /** The database keeps what it has of the swarm besides its peers until then. By the wall clock. */
  keptUntil = 0

  get size(): number {
    return this.#list.length
  }

  get seedCount(): number {
    return this.#seedCount
  }

  get(key: string): SwarmPeer | undefined {
    return this.#entries.get(key)?.peer
  }

  peers(): SwarmPeer[] {
    return this.#list.map(({ peer }) => peer)
  }

  /** @returns whether an address may have one more peer here */
  hasRoomFor(address: Address): boolean {
    return (this.#ofNetwork.get(address.network) ?? 0) < MAX_PEERS_PER_NETWORK
  }

  /** Puts a peer in, in place of what it was before. */
  put(peer: SwarmPeer): void {
    const known = this.#entries.get(peer.key)
    if (known !== undefined) {
      this.#seedCount += Number(peer.isSeed) - Number(known.peer.isSeed)
      this.#entries.delete(peer.key)
      this.#entries.set(peer.key, known)
      known.peer = peer
      return
    }
    const entry = { peer, index: this.#list.length }
    this.#list.push(entry)
    this.#entries.set(peer.key, entry)
    this.#count(peer, 1)
    if (this.#list.length <= MAX_PEERS) return
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined) this.delete(oldest)
  }

  delete(key: string): boolean {
    const entry = this.#entries.get(key)
    if (entry === undefined) return false
    this.#entries.delete(key)
    this.#count(entry.peer, -1)
    const last = this.#list.pop()
    if (last === undefined || last === entry) return true
    last.index = entry.index
    this.#list[entry.index] = last
    return true
  }

  /** Removes those that have expired, who stand first. */
  expire(now: number): void {
    for (const { peer } of this.#entries.values()) {
      if (peer.expiresAt > now) return
      this.delete(peer.key)
    }
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
    const addressBytes = asker.family === null ? null : asker.family === 4 ? 4 : 16
    const chosen: SwarmPeer[] = []
    const { length } = this.#list
    const start = Math.floor(random * length)
    for (let step = 0; step < length && chosen.length < wanted; step++) {
      const peer = this.#list[(start + step) % length]?.peer
      if (peer === undefined || peer.key === asker.key || (asker.isSeed && peer.isSeed)) continue
      if (addressBytes !== null && peer.address.bytes.length !== addressBytes) continue
      if (isReachableFrom(asker.scope, peer.address.scope)) chosen.push(peer)
    }
    return chosen
  }

  #count(peer: SwarmPeer, change: 1 | -1): void {
    const { network } = peer.address
    const count = (this.#ofNetwork.get(network) ?? 0) + change
    if (count === 0) this.#ofNetwork.delete(network)
    else this.#ofNetwork.set(network, count)
    if (peer.isSeed) this.#seedCount += change
  }
}
