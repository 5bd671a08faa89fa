import type { RemoteInfo } from 'node:dgram'
import { toStoreError } from '@holdfast/shared/errors/store-error'
import { type Address, parseAddress } from '@holdfast/shared/node/address'
import type { RateLimit } from '../rate-limit.ts'
import { countFailure, type Refusals, type TrackerCounts } from '../stats/tracker-counts.ts'
import type { Announce, AnnounceAnswer, Swarms } from '../swarms/swarms.ts'
import { CONNECTION_ID_BYTES, type ConnectionIds } from './connection-ids.ts'

/** BEP 15 gives these numbers: https://www.bittorrent.org/beps/bep_0015.html */
const PROTOCOL_ID = 0x41727101980n
const CONNECT = 0
const ANNOUNCE = 1
const SCRAPE = 2
const ERROR = 3
const HEADER_BYTES = 16
const ANNOUNCE_BYTES = 98
const HASH_BYTES = 20
const MAX_SCRAPED = 74
const events = [null, 'completed', 'started', 'stopped'] as const

const WANTED_UNLESS_SAID = 50
/** An answer stays below what every network carries in one piece. */
const MAX_PEER_BYTES = 1_200
/** So many requests may wait for the database. Further ones are dropped, and their clients ask again. */
const MAX_WAITING = 5_000
const MAX_VERIFIED = 10_000
/** It adds to how long an id counts. */
const VERIFIED_MS = 5_000

export interface UdpTrackerDeps {
  readonly swarms: Swarms
  readonly counts: TrackerCounts
  readonly ids: ConnectionIds
  /** These bound how often one network may ask. */
  readonly connects: RateLimit
  readonly requests: RateLimit
  readonly send: (datagram: Buffer, port: number, ip: string) => void
  /** Adds this store itself where it is a peer. */
  readonly addOwnSeed?: (answer: AnnounceAnswer, wish: Announce) => Promise<AnnounceAnswer>
}

interface Request {
  readonly datagram: Buffer
  readonly source: Address
  readonly port: number
  readonly transaction: number
}

/**
 * Serves announce and scrape over UDP. A source that has not shown that it receives what is sent to it gets 16 bytes for 16
 * bytes, and else nothing. The address of a peer is that of its datagram, whatever stands in it. What follows the 98 bytes of
 * an announce (BEP 41: the URL's path and query) says nothing here and is passed over.
 */
export class UdpTracker {
  readonly #deps: UdpTrackerDeps
  #waiting = 0
  /** These sources have shown an id a moment ago, which saves computing it again. */
  readonly #verified = new Map<string, { source: Address; id: bigint; until: number }>()

  constructor(deps: UdpTrackerDeps) {
    this.#deps = deps
  }

  take(datagram: Buffer, source: Pick<RemoteInfo, 'address' | 'port'>): void {
    const refusal = this.#begin(datagram, source)
    if (refusal !== null) this.#deps.counts.refused[refusal] += 1
  }

  /** @returns why a datagram gets no answer, or null where it gets one */
  #begin(datagram: Buffer, { address, port }: Pick<RemoteInfo, 'address' | 'port'>): keyof Refusals | null {
    if (datagram.length < HEADER_BYTES || port === 0) return 'malformed'
    const action = datagram.readUInt32BE(CONNECTION_ID_BYTES)
    const transaction = datagram.readUInt32BE(12)
    if (action === CONNECT) {
      const source = parseAddress(address)
      return source === null ? 'malformed' : this.#connect({ datagram, source, port, transaction })
    }
    const source = this.#verify(datagram, address, port)
    if (source === null) return 'unverified'
    if (!admits(this.#deps.requests, source)) return 'tooOften'
    if (this.#waiting >= MAX_WAITING) return 'unavailable'
    const request = { datagram, source, port, transaction }
    if (action === ANNOUNCE && datagram.length >= ANNOUNCE_BYTES)
      void this.#answer(request, () => this.#announce(request))
    else if (action === SCRAPE && datagram.length >= HEADER_BYTES + HASH_BYTES)
      void this.#answer(request, () => this.#scrape(request))
    else this.#send(request, this.#refusalOf('malformed', 'the request is none that BEP 15 knows'))
    return null
  }

  #refusalOf(reason: keyof Refusals, sentence: string): Answer {
    this.#deps.counts.refused[reason] += 1
    return errorOf(sentence)
  }

  /** @returns where a datagram comes from, if it begins with an id that was sent there */
  #verify(datagram: Buffer, ip: string, port: number): Address | null {
    const now = Date.now()
    const place = `${ip} ${port}`
    const known = this.#verified.get(place)
    if (known !== undefined && now < known.until && known.id === datagram.readBigUInt64BE(0)) return known.source
    const source = parseAddress(ip)
    if (source === null || !this.#deps.ids.isValid(datagram, source.bytes, port, now)) return null
    if (this.#verified.size >= MAX_VERIFIED) this.#verified.clear()
    this.#verified.set(place, { source, id: datagram.readBigUInt64BE(0), until: now + VERIFIED_MS })
    return source
  }

  #connect(request: Request): keyof Refusals | null {
    const { datagram, source, port } = request
    if (datagram.readBigUInt64BE(0) !== PROTOCOL_ID) return 'malformed'
    if (!admits(this.#deps.connects, source)) return 'tooOften'
    this.#send(request, { action: CONNECT, body: this.#deps.ids.make(source.bytes, port, Date.now()) })
    return null
  }

  async #answer(request: Request, answer: () => Promise<Answer>): Promise<void> {
    this.#waiting += 1
    try {
      this.#send(request, await answer())
    } catch (thrown) {
      const error = toStoreError(thrown)
      countFailure(this.#deps.counts, error)
      this.#send(request, errorOf(error.detail ?? error.message))
    } finally {
      this.#waiting -= 1
    }
  }

  async #announce({ datagram, source }: Request): Promise<Answer> {
    const { swarms, counts, addOwnSeed } = this.#deps
    const port = datagram.readUInt16BE(96)
    if (port === 0) return this.#refusalOf('malformed', 'the port is missing')
    const most = Math.floor(MAX_PEER_BYTES / (source.bytes.length + 2))
    const asked = datagram.readInt32BE(92)
    const wish: Announce = {
      infoHash: datagram.toString('hex', 16, 36),
      peerId: datagram.subarray(36, 56),
      isSeed: datagram.readBigUInt64BE(64) === 0n,
      event: events[datagram.readUInt32BE(80)] ?? null,
      endpoint: { address: source, port },
      wanted: Math.min(asked < 0 ? WANTED_UNLESS_SAID : asked, most),
      family: source.bytes.length === 4 ? 4 : 6,
    }
    const found = await swarms.announce(wish)
    if (found === null) return this.#refusalOf('notTracked', 'this info-hash is not tracked here')
    const answer = (await addOwnSeed?.(found, wish)) ?? found
    counts.announces.udp += 1
    const size = source.bytes.length + 2
    const body = Buffer.allocUnsafe(12 + answer.peers.length * size)
    body.writeUInt32BE(swarms.intervalSeconds, 0)
    body.writeUInt32BE(answer.leechers, 4)
    body.writeUInt32BE(answer.seeds, 8)
    body.write(answer.peers.map(({ key }) => key).join(''), 12, 'latin1')
    return { action: ANNOUNCE, body }
  }

  async #scrape({ datagram }: Request): Promise<Answer> {
    const count = Math.min(Math.floor((datagram.length - HEADER_BYTES) / HASH_BYTES), MAX_SCRAPED)
    const body = Buffer.alloc(count * 12)
    const hashes = Array.from({ length: count }, (_, index) => {
      const start = HEADER_BYTES + index * HASH_BYTES
      return datagram.toString('hex', start, start + HASH_BYTES)
    })
    const found = await Promise.all(hashes.map((infoHash) => this.#deps.swarms.scrape(infoHash)))
    for (const [index, counts] of found.entries()) {
      body.writeUInt32BE(counts?.seeds ?? 0, index * 12)
      body.writeUInt32BE(counts?.downloaded ?? 0, index * 12 + 4)
      body.writeUInt32BE(counts?.leechers ?? 0, index * 12 + 8)
    }
    this.#deps.counts.scrapes.udp += 1
    return { action: SCRAPE, body }
  }

  #send({ transaction, source, port }: Request, { action, body }: Answer): void {
    const datagram = Buffer.allocUnsafe(8 + body.length)
    datagram.writeUInt32BE(action, 0)
    datagram.writeUInt32BE(transaction, 4)
    body.copy(datagram, 8)
    this.#deps.send(datagram, port, source.ip)
  }
}

interface Answer {
  readonly action: number
  readonly body: Buffer
}

function errorOf(sentence: string): Answer {
  return { action: ERROR, body: Buffer.from(sentence) }
}

/** This machine itself may ask as often as it likes. */
function admits(limit: RateLimit, source: Address): boolean {
  return source.scope === 'loopback' || limit.admits(source.network)
}
