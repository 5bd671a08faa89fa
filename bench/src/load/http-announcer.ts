import { type Announcer, type AnnouncingPeer, PEER_ID, WANTED_PEERS } from './announcer.ts'
import { HttpConnection } from './http-connection.ts'

/** Whoever is taken is told first how many peers are complete: keys of a dictionary are sorted. */
const taken = { status: 200, body: null, beginsWith: Buffer.from('d8:complete') }

/** Announces by `GET /announce`, over one connection that is kept. */
export class HttpAnnouncer implements Announcer {
  readonly #connection: HttpConnection
  readonly #hashes: readonly string[]
  readonly #rest: string

  /** @param hashes escaped */
  constructor(url: URL, address: string, hashes: readonly string[]) {
    this.#connection = new HttpConnection(url, address)
    this.#hashes = hashes
    this.#rest = ` HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`
  }

  async announce({ swarm, port, isSeed }: AnnouncingPeer): Promise<boolean> {
    const who = `info_hash=${this.#hashes[swarm]}&peer_id=${PEER_ID}&port=${port}`
    const query = `${who}&uploaded=0&downloaded=0&left=${isSeed ? 0 : 1_000_000}&compact=1&numwant=${WANTED_PEERS}`
    await this.#connection.exchange(Buffer.from(`GET /announce?${query}${this.#rest}`, 'latin1'), taken)
    return true
  }

  close(): void {
    this.#connection.close()
  }
}
