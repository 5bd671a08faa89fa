import { Client } from 'bittorrent-tracker'
import type { HttpTrackerOptions } from './http-tracker.ts'
import type { PeerFinder } from './peer-finder.ts'

/** Whatever a tracker wants, it is not asked more or less often than this. A timer takes no more than 25 days, and then runs at once. */
const MIN_INTERVAL_MS = 30_000
const MAX_INTERVAL_MS = 7_200_000
/** A datagram may be lost. */
const FIRST_RETRY_MS = 5_000
const MAX_RETRY_MS = 300_000

export type UdpTrackerOptions = Omit<HttpTrackerOptions, 'fetch'>

/** Announces a torrent to a tracker over UDP (BEP 15), whose answers are datagrams and bounded by that. */
export class UdpTracker implements PeerFinder {
  readonly #client: Client
  readonly #options: UdpTrackerOptions
  #retryMs = FIRST_RETRY_MS
  #retry: NodeJS.Timeout | undefined

  constructor(options: UdpTrackerOptions) {
    const { url, infoHash, peerId, port, state, onPeers } = options
    this.#options = options
    this.#client = new Client({
      ...{ infoHash, peerId, port, announce: [url], userAgent: 'Holdfast' },
      getAnnounceOpts: () => {
        const { uploaded, downloaded, left } = state()
        return { uploaded, downloaded, left }
      },
    })
    for (const tracker of this.#client._trackers) boundInterval(tracker)
    this.#client.on('peer', (address: unknown) => {
      const [, host = '', peerPort = ''] = /^\[?([^\]]*?)\]?:(\d{1,5})$/.exec(String(address)) ?? []
      onPeers([{ host, port: Number(peerPort) }])
    })
    this.#client.on('update', () => {
      clearTimeout(this.#retry)
      this.#retryMs = FIRST_RETRY_MS
    })
    for (const name of ['warning', 'error']) this.#client.on(name, (error: Error) => this.#fail(error))
    this.#client.start()
  }

  async complete(): Promise<void> {
    this.#client.complete()
  }

  async close(): Promise<void> {
    clearTimeout(this.#retry)
    this.#client.stop()
    this.#client.destroy()
  }

  #fail({ message }: Error): void {
    const { log, onTrouble } = this.#options
    const reason = message.slice(0, 300)
    log.debug({ reason }, 'a tracker over UDP does not answer as it should')
    onTrouble(`a tracker over UDP does not answer as it should: ${reason}`)
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => this.#client.update(), this.#retryMs)
    this.#retry.unref()
    this.#retryMs = Math.min(2 * this.#retryMs, MAX_RETRY_MS)
  }
}

function boundInterval(tracker: Client['_trackers'][number]): void {
  const { setInterval: set } = tracker
  tracker.setInterval = (ms) =>
    set.call(tracker, ms === undefined ? ms : Math.min(Math.max(ms, MIN_INTERVAL_MS), MAX_INTERVAL_MS))
}
