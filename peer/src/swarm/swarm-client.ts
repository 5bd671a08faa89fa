import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import type { Logger } from '@holdfast/shared/node/logger'
import { readTorrent } from '@holdfast/shared/node/torrent/metainfo'
import UTP from 'utp-native'
import WebTorrent, { type Torrent, type TorrentOptions } from 'webtorrent'
import { PeerError, reasonOf } from '../peer-error.ts'
import { askOnce } from './ask-once.ts'
import { boundMessages } from './bound-messages.ts'
import { PieceFiles } from './piece-files.ts'
import { everywhere, type Reach } from './reach.ts'
import { BannedSources, watchSources } from './sources.ts'

/** What is whole on this disk, and is given to whoever asks. */
export interface Offer {
  /** The torrent as `readTorrent` reads it; read when somebody comes, because a user may share thousands of files. */
  readonly torrent: () => Promise<Uint8Array>
  readonly path: string
  /** Whether nothing has changed on the disk. */
  readonly isUnchanged: () => Promise<boolean>
}

const MAX_CONNECTIONS = 200
/** So many free ports are tried. */
const MAX_FREE_PORTS = 10
/** So often those that are open are looked at: one that nobody asks for gives its memory back. */
const CHECK_EVERY_MS = 20_000

/** Everything that is not needed to find peers by a tracker is off: it would tell others of private torrents. */
const options = {
  ...{ dht: false, lsd: false, natUpnp: false, natPmp: false, utPex: false, tracker: false, webSeeds: false },
  // The client's own would listen at all addresses.
  utp: false,
}

/** webtorrent asks by these two for the torrent that a peer has come for. */
class Client extends WebTorrent {
  readonly #wake: (hash: string) => Promise<Torrent | null>

  /** @param wake finds what is offered by its info-hash, plain or as an encrypted handshake has it */
  constructor(settings: object, wake: (hash: string) => Promise<Torrent | null>) {
    super(settings)
    this.#wake = wake
  }

  override async get(id: unknown): Promise<Torrent | null> {
    return (await super.get(id)) ?? (typeof id === 'string' ? await this.#wake(id) : null)
  }

  override async _getByHash(hash: string): Promise<Torrent | null> {
    return (await super._getByHash(hash)) ?? (await this.#wake(hash))
  }
}

/** One listening port, TCP and UDP, with all torrents behind it. */
export class SwarmClient {
  readonly banned = new BannedSources()
  readonly reach: Reach
  readonly #client: Client
  readonly #offers = new Map<string, Offer>()
  /** Info-hashes by what stands for them in an encrypted handshake. */
  readonly #encrypted = new Map<string, string>()
  readonly #waking = new Map<string, Promise<Torrent | null>>()
  readonly #awake = new Map<Torrent, Offer>()
  readonly #log: Logger
  readonly #timer: NodeJS.Timeout
  #utp: UTP | null = null

  private constructor({ host, port, log, reach = everywhere }: ListenOptions) {
    askOnce()
    boundMessages()
    this.reach = reach
    this.#log = log
    // `torrentPort` goes to `listen` as it is.
    this.#client = new Client({ ...options, torrentPort: { host, port } }, (hash) => this.#wakeByHash(hash))
    this.#client._connPool.tcpServer.maxConnections = MAX_CONNECTIONS
    this.#client.blocked = { contains: (address) => this.banned.has(`${address}:0`) }
    this.#timer = setInterval(() => {
      for (const [torrent, offer] of this.#awake) void this.#check(torrent, offer)
    }, CHECK_EVERY_MS)
  }

  /** @throws PeerError where the port cannot be had */
  static async listen(options: ListenOptions): Promise<SwarmClient> {
    const { host, port } = options
    // A port that is free for TCP may be taken for UDP.
    for (let triesLeft = port === 0 ? MAX_FREE_PORTS : 1; ; triesLeft--)
      try {
        return await SwarmClient.#listen(options)
      } catch (error) {
        if (triesLeft > 1 && (error as NodeJS.ErrnoException).code === 'EADDRINUSE') continue
        throw new PeerError(`the peer cannot listen at ${host}:${port}: ${reasonOf(error)}`)
      }
  }

  static async #listen(options: ListenOptions): Promise<SwarmClient> {
    const swarm = new SwarmClient(options)
    const { host, log, isTcpOnly = false } = options
    try {
      await once(swarm.#client, 'listening')
      if (isTcpOnly) log.debug({}, 'there is no uTP')
      else if (!host.includes(':')) await swarm.#listenOverUdp(host)
      else log.warn({}, 'there is no uTP at an address of IPv6')
    } catch (error) {
      clearInterval(swarm.#timer)
      if (!swarm.#client.destroyed) swarm.#client.destroy()
      throw error
    }
    swarm.#client.on('error', (error: Error) => log.error({ err: error }, 'the swarm failed'))
    return swarm
  }

  get port(): number {
    return this.#client.torrentPort
  }

  get peerId(): string {
    return this.#client.peerId
  }

  /** Where datagrams of other kinds than uTP arrive; null at an address of IPv6. */
  get udp(): UTP | null {
    return this.#utp
  }

  offer(infoHash: string, offer: Offer): void {
    this.#offers.set(infoHash, offer)
    this.#encrypted.set(encryptedHashOf(infoHash), infoHash)
  }

  withdraw(infoHash: string): void {
    this.#offers.delete(infoHash)
    this.#encrypted.delete(encryptedHashOf(infoHash))
    for (const torrent of this.#client.torrents) if (torrent.infoHash === infoHash) torrent.destroy()
  }

  /** @param id a torrent, or a magnet link. Whoever adds it listens for its errors. */
  add(id: Uint8Array | string, settings: TorrentOptions): Torrent {
    return this.#client.add(id, settings)
  }

  has(infoHash: string): boolean {
    return this.#client.torrents.some((torrent) => torrent.infoHash === infoHash)
  }

  /** @returns whether it is this peer itself that others name by the address */
  isSelf(host: string, port: number): boolean {
    if (port !== this.port) return false
    const own = Object.values(networkInterfaces()).flatMap(
      (addresses) => addresses?.map(({ address }) => address) ?? [],
    )
    return own.includes(host) || host === '127.0.0.1'
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await new Promise<void>((resolve) => {
      // Connections over uTP that wait for the other end would hold the socket open.
      setTimeout(resolve, 1_000).unref()
      this.#client.destroy(() => resolve())
    })
  }

  async #listenOverUdp(host: string): Promise<void> {
    const utp = UTP.createServer()
    const listening = once(utp, 'listening')
    utp.listen(this.port, host)
    await listening
    utp.setSendBufferSize(1024 * 1024)
    utp.setRecvBufferSize(1024 * 1024)
    utp.on('error', (error: Error) => this.#log.warn({ err: error }, 'the UDP socket failed'))
    const pool = this.#client._connPool
    pool._onUTPConnectionBound = pool._onUTPConnectionBound.bind(pool)
    utp.on('connection', (connection: { destroy(): void; on(name: string, listener: () => void): void }) => {
      if (utp.connections.length <= MAX_CONNECTIONS) return pool._onUTPConnectionBound(connection)
      connection.on('error', () => undefined)
      connection.destroy()
    })
    pool.utpServer = utp
    this.#client.utp = true
    this.#utp = utp
  }

  async #wakeByHash(hash: string): Promise<Torrent | null> {
    const infoHash = this.#encrypted.get(hash) ?? hash
    const offer = this.#offers.get(infoHash)
    if (offer === undefined) return null
    const waking = this.#waking.get(infoHash) ?? this.#wake(infoHash, offer)
    this.#waking.set(infoHash, waking)
    return waking.finally(() => this.#waking.delete(infoHash))
  }

  async #wake(infoHash: string, offer: Offer): Promise<Torrent | null> {
    try {
      if (!(await offer.isUnchanged())) throw new Error('the file was changed or is gone')
      const metainfo = readTorrent(await offer.torrent())
      const store = new PieceFiles(metainfo, offer.path)
      // A cache would read a whole piece for each block, and keep it until the block is sent.
      const torrent = this.add(metainfo.bare, { preloadedStore: store, skipVerify: true, storeCacheSlots: 0 })
      torrent.on('error', (error: Error) => this.#log.warn({ err: error, infoHash }, 'a torrent cannot be shared'))
      watchSources(torrent, { banned: this.banned, isUdpOnly: false, log: this.#log })
      this.#awake.set(torrent, offer)
      torrent.once('close', () => this.#awake.delete(torrent))
      torrent.on('wire', () => void this.#check(torrent, offer))
      if (!torrent.ready) await once(torrent, 'ready')
      this.#log.info({ infoHash }, 'somebody asks for a torrent')
      return torrent
    } catch (error) {
      this.#log.warn({ err: error, infoHash }, 'a torrent cannot be shared')
      return null
    }
  }

  /** Closes a torrent that nobody asks for, or whose file has changed: others would take its bytes for lies. */
  async #check(torrent: Torrent, { isUnchanged }: Offer): Promise<void> {
    const isWanted = torrent.wires.length > 0
    if (isWanted && (await isUnchanged())) return
    if (isWanted) this.#log.warn({ infoHash: torrent.infoHash }, 'a file was changed, and is shared no longer')
    if (!torrent.destroyed) torrent.destroy()
  }
}

interface ListenOptions {
  readonly host: string
  readonly port: number
  /** Whoever may be connected to; everybody unless given. */
  readonly reach?: Reach
  readonly isTcpOnly?: boolean
  readonly log: Logger
}

/** By this an encrypted handshake names a torrent, so that others do not see which. */
function encryptedHashOf(infoHash: string): string {
  return createHash('sha1')
    .update(Buffer.concat([Buffer.from('req2'), Buffer.from(infoHash, 'hex')]))
    .digest('hex')
}
