import { createHash } from 'node:crypto'
import WebTorrent, { type Torrent } from 'webtorrent'

/** Everything that is not needed to find peers by a tracker is off: it would tell others of private torrents. */
const options = {
  ...{ dht: false, lsd: false, natUpnp: false, natPmp: false, utPex: false, tracker: false, webSeeds: false },
  // The client's own would listen at all addresses.
  utp: false,
}

/** webtorrent asks by these two for the torrent that a peer has come for. */
export class WakingClient extends WebTorrent {
  readonly #wake: (hash: string) => Promise<Torrent | null>

  /** @param wake finds what is offered by its info-hash, plain or as an encrypted handshake has it */
  constructor(settings: object, wake: (hash: string) => Promise<Torrent | null>) {
    super({ ...options, ...settings })
    this.#wake = wake
  }

  override async get(id: unknown): Promise<Torrent | null> {
    return (await super.get(id)) ?? (typeof id === 'string' ? await this.#wake(id) : null)
  }

  override async _getByHash(hash: string): Promise<Torrent | null> {
    return (await super._getByHash(hash)) ?? (await this.#wake(hash))
  }
}

/** By this an encrypted handshake names a torrent, so that others do not see which. */
export function encryptedHashOf(infoHash: string): string {
  return createHash('sha1')
    .update(Buffer.concat([Buffer.from('req2'), Buffer.from(infoHash, 'hex')]))
    .digest('hex')
}
