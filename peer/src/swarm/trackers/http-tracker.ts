import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '@holdfast/shared/node/logger'
import { decodeBencode } from '@holdfast/shared/node/torrent/bencode'
import { Deadline } from '../../deadline.ts'
import { reasonOf } from '../../peer-error.ts'
import { readBounded } from '../../read-bounded.ts'
import type { FoundPeer, PeerFinder } from './peer-finder.ts'

const MAX_ANSWER_BYTES = 256 * 1024
const PATIENCE_MS = 15_000
const GOODBYE_MS = 2_000
const DEFAULT_INTERVAL_S = 1_800
const MAX_INTERVAL_S = 7_200
/** While a download has fewer peers than it could use the tracker is asked again this soon, unless it forbids that. */
const HUNGRY_INTERVAL_S = 30
const FIRST_RETRY_S = 5
const MAX_RETRY_S = 300

export interface AnnounceState {
  readonly uploaded: number
  readonly downloaded: number
  readonly left: number
  /** Tells whether further peers would be of use. */
  readonly isHungry: boolean
}

export interface SwarmView {
  readonly infoHash: string
  readonly state: () => AnnounceState
  readonly onPeers: (peers: readonly FoundPeer[]) => void
  /** Hears in a sentence why a tracker is of no use at the moment. */
  readonly onTrouble: (sentence: string) => void
}

export interface HttpTrackerOptions extends SwarmView {
  readonly url: string
  readonly peerId: string
  readonly port: number
  readonly fetch: typeof fetch
  readonly log: Logger
}

type TrackerEvent = 'started' | 'completed' | 'stopped' | null

/**
 * Announces a torrent to a tracker over HTTP (BEP 3, 7, 23). `bittorrent-tracker` keeps whatever a tracker sends in memory,
 * and asks only as often as the tracker wants to be asked when all is well.
 */
export class HttpTracker implements PeerFinder {
  readonly #options: HttpTrackerOptions
  readonly #stop = new AbortController()
  readonly #ended: Promise<void>
  #event: TrackerEvent = 'started'
  /** The tracker lists this peer, as far as can be known. */
  #isKnown = false

  constructor(options: HttpTrackerOptions) {
    this.#options = options
    this.#ended = this.#run()
  }

  async complete(): Promise<void> {
    if (this.#isKnown) await this.#announce('completed', AbortSignal.timeout(GOODBYE_MS)).catch(() => undefined)
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#ended
    if (!this.#isKnown) return
    await this.#announce('stopped', AbortSignal.timeout(GOODBYE_MS)).catch(() => undefined)
  }

  async #run(): Promise<void> {
    let retryS = FIRST_RETRY_S
    while (!this.#stop.signal.aborted) {
      let waitS: number
      try {
        const event = this.#event
        using bounded = new Deadline(this.#stop.signal, PATIENCE_MS)
        waitS = await this.#announce(event, bounded.signal)
        this.#isKnown = true
        if (this.#event === event) this.#event = null
        retryS = FIRST_RETRY_S
      } catch (error) {
        if (this.#stop.signal.aborted) {
          // The tracker may have heard what was broken off.
          this.#isKnown = true
          return
        }
        const { url, log, onTrouble } = this.#options
        log.warn({ tracker: url, reason: reasonOf(error) }, 'a tracker does not answer as it should')
        onTrouble(`${url} does not answer as a tracker does: ${reasonOf(error)}`)
        waitS = retryS
        retryS = Math.min(2 * retryS, MAX_RETRY_S)
      }
      await delay(waitS * 1000, undefined, { signal: this.#stop.signal }).catch(() => undefined)
    }
  }

  /** @returns after how many seconds the tracker is asked again */
  async #announce(event: TrackerEvent, signal: AbortSignal): Promise<number> {
    const { url, infoHash, peerId, port, state, onPeers, fetch } = this.#options
    const { uploaded, downloaded, left, isHungry } = state()
    const fields = [
      `info_hash=${escapeHex(infoHash)}&peer_id=${escapeHex(peerId)}&port=${port}`,
      `uploaded=${uploaded}&downloaded=${downloaded}&left=${left}&compact=1&numwant=${left === 0 ? 0 : 50}`,
      ...(event === null ? [] : [`event=${event}`]),
    ]
    const response = await fetch(`${url}${url.includes('?') ? '&' : '?'}${fields.join('&')}`, { signal })
    const answer = decodeBencode(await readBounded(response, MAX_ANSWER_BYTES))
    if (typeof answer !== 'object' || answer === null) throw new Error('the answer is not bencoded')
    const read = answer as Readonly<Record<string, unknown>>
    const failure = read['failure reason']
    if (failure instanceof Uint8Array) throw new Error(Buffer.from(failure).toString('utf8').slice(0, 300))
    if (event !== 'stopped') onPeers([...peersIn(read.peers, 4), ...peersIn(read.peers6, 16)])
    const usual = secondsOf(read.interval, DEFAULT_INTERVAL_S)
    return isHungry ? Math.min(usual, secondsOf(read['min interval'], HUNGRY_INTERVAL_S)) : usual
  }
}

function secondsOf(value: unknown, otherwise: number): number {
  return typeof value === 'number' && value > 0
    ? Math.min(Math.max(value, HUNGRY_INTERVAL_S), MAX_INTERVAL_S)
    : otherwise
}

function escapeHex(hex: string): string {
  return hex.replace(/../g, '%$&')
}

function peersIn(peers: unknown, addressBytes: 4 | 16): FoundPeer[] {
  if (peers instanceof Uint8Array) {
    const bytes = Buffer.from(peers)
    const count = Math.floor(bytes.length / (addressBytes + 2))
    return Array.from({ length: count }, (_, index) => {
      const at = index * (addressBytes + 2)
      const address = bytes.subarray(at, at + addressBytes)
      const host = addressBytes === 4 ? address.join('.') : address.toString('hex').replace(/(.{4})(?=.)/g, '$1:')
      return { host, port: bytes.readUInt16BE(at + addressBytes) }
    })
  }
  if (!Array.isArray(peers)) return []
  return peers.flatMap((peer: Readonly<Record<string, unknown>> | null) => {
    const [ip, port] = [peer?.ip, peer?.port]
    return ip instanceof Uint8Array && typeof port === 'number'
      ? [{ host: Buffer.from(ip).toString('latin1'), port }]
      : []
  })
}
