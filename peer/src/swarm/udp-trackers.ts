import type { Logger } from '@holdfast/shared/node/logger'
import { Client } from 'bittorrent-tracker'
import type { HttpTrackerOptions } from './http-tracker.ts'
import type { PeerFinder } from './peer-finder.ts'

export type UdpTrackersOptions = Omit<HttpTrackerOptions, 'url' | 'fetch'> & {
  readonly urls: readonly string[]
  readonly log: Logger
}

/** Announces a torrent to trackers over UDP (BEP 15), whose answers are datagrams and bounded by that. */
export class UdpTrackers implements PeerFinder {
  readonly #client: Client

  constructor({ urls, infoHash, peerId, port, state, onPeers, onTrouble, log }: UdpTrackersOptions) {
    this.#client = new Client({
      ...{ infoHash, peerId, port, announce: urls, userAgent: 'Holdfast' },
      getAnnounceOpts: () => {
        const { uploaded, downloaded, left } = state()
        return { uploaded, downloaded, left }
      },
    })
    this.#client.on('peer', (address: unknown) => {
      const [, host = '', port = ''] = /^\[?([^\]]*?)\]?:(\d{1,5})$/.exec(String(address)) ?? []
      onPeers([{ host, port: Number(port) }])
    })
    for (const name of ['warning', 'error'])
      this.#client.on(name, ({ message }: Error) => {
        log.debug({ reason: message }, 'a tracker over UDP does not answer as it should')
        onTrouble(`a tracker over UDP does not answer as it should: ${message.slice(0, 300)}`)
      })
    this.#client.start()
  }

  async complete(): Promise<void> {
    this.#client.complete()
  }

  async close(): Promise<void> {
    this.#client.stop()
    this.#client.destroy()
  }
}
