import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import type { Logger } from '@holdfast/shared/node/logger'
import { readTorrent } from '@holdfast/shared/node/torrent/metainfo'
import UTP from 'utp-native'
import type { Torrent, TorrentOptions } from 'webtorrent'
import { PeerError, reasonOf } from '../peer-error.ts'
import { askOnce } from './ask-once.ts'
import { boundMessages } from './bound-messages.ts'
import { ConnectionLimits, type IncomingConnection, MAX_CONNECTIONS } from './connection-limits.ts'
import { PieceFiles } from './piece-files.ts'
import { everywhere, type Reach } from './reach.ts'
import { BannedSources, watchSources } from './sources.ts'
import { encryptedHashOf, WakingClient } from './waking-client.ts'

/** An offer is whole on this disk, and is given to whoever asks. */
export interface Offer {
  /** Reads the torrent, as `readTorrent` takes it, when somebody comes, because a user may share thousands of files. */
  readonly torrent: () => Promise<Uint8Array>
  readonly path: string
  /** Tells whether nothing has changed on the disk. */
  readonly isUnchanged: () => Promise<boolean>
}

/** At most this many free ports are tried. */
const MAX_FREE_PORTS = 10
/** So often those that are open are looked at: one that nobody asks for gives its memory back. */
const CHECK_EVERY_MS = 20_000

/** Has one listening port, TCP and UDP, with all torrents behind it. */
export class SwarmClient {
  readonly banned = new BannedSources()
  readonly reach: Reach
  readonly #client: WakingClient
  readonly #offers = new Map<string, Offer>()
  /** Holds info-hashes by what stands for them in an encrypted handshake. */
  readonly #encrypted = new Map<string, string>()
  readonly #waking = new Map<string, Promise<Torrent | null>>()
  readonly #awake = new Map<Torrent, Offer>()
  readonly #limits = new ConnectionLimits()
  readonly #log: Logger
  readonly #timer: NodeJS.Timeout
  #utp: UTP | null = null

  private constructor({ host, port, log, reach = everywhere }: ListenOptions) {
    askOnce()
    boundMessages()
    this.reach = reach
    this.#log = log
    // `torrentPort` goes to `listen` as it is.
    this.#client = new WakingClient({ torrentPort: { host, port } }, (hash) => this.#wakeByHash(hash))
    const pool = this.#client._connPool
    pool.tcpServer.maxConnections = MAX_CONNECTIONS
    const take = pool._onTCPConnectionBound
    pool.tcpServer.off('connection', take)
    pool._onTCPConnectionBound = (connection) => {
      if (this.#limits.takes(connection)) take(connection)
    }
    pool.tcpServer.on('connection', pool._onTCPConnectionBound)
    this.#client.blocked = { contains: (address) => this.banned.has(`${address}:0`) }
    this.#timer = setInterval(() => {
      for (const [torrent, offer] of this.#awake) void this.#check(torrent, offer)
      this.#limits.endIdle(this.#client.torrents.flatMap(({ wires }) => wires))
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

  /** Datagrams of other kinds than uTP arrive there; it is null where there is no uTP, as at an address of IPv6. */
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
    // One that is loaded is none that is offered.
    for (const torrent of this.#awake.keys()) if (torrent.infoHash === infoHash && !torrent.destroyed) torrent.destroy()
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
    utp.on('connection', (connection: IncomingConnection) => {
      if (utp.connections.length <= MAX_CONNECTIONS) {
        if (this.#limits.takes(connection)) pool._onUTPConnectionBound(connection)
        return
      }
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
    let torrent: Torrent | null = null
    try {
      if (!(await offer.isUnchanged())) throw new Error('the file was changed or is gone')
      torrent = await this.#open(offer)
      if (this.#offers.get(infoHash) !== offer) throw new Error('it is offered no longer')
      this.#keepAwake(torrent, offer)
      this.#log.info({ infoHash }, 'somebody asks for a torrent')
      return torrent
    } catch (error) {
      this.#log.warn({ err: error, infoHash }, 'a torrent cannot be shared')
      if (torrent !== null && !torrent.destroyed) torrent.destroy()
      return null
    }
  }

  /** @returns a torrent of which all is there, and that is ready */
  async #open(offer: Offer): Promise<Torrent> {
    const metainfo = readTorrent(await offer.torrent())
    const store = new PieceFiles(metainfo, offer.path)
    // A cache would read a whole piece for each block, and keep it until the block is sent.
    const torrent = this.add(metainfo.bare, { preloadedStore: store, skipVerify: true, storeCacheSlots: 0 })
    const ended = new Promise<never>((_, reject) => {
      torrent.once('error', reject)
      torrent.once('close', () => reject(new Error('it was ended before it was ready')))
    })
    ended.catch(() => undefined)
    if (!torrent.ready) await Promise.race([once(torrent, 'ready'), ended])
    return torrent
  }

  #keepAwake(torrent: Torrent, offer: Offer): void {
    const { infoHash } = torrent
    torrent.on('error', (error: Error) => this.#log.warn({ err: error, infoHash }, 'a torrent cannot be shared'))
    watchSources(torrent, { banned: this.banned, isUdpOnly: false, log: this.#log })
    this.#awake.set(torrent, offer)
    torrent.once('close', () => this.#awake.delete(torrent))
    torrent.on('wire', () => void this.#check(torrent, offer))
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
  /** Says who may be connected to; everybody may be unless it is given. */
  readonly reach?: Reach
  readonly isTcpOnly?: boolean
  readonly log: Logger
}
