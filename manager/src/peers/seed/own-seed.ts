import { createHmac } from 'node:crypto'
import { hostname } from 'node:os'
import { type Address, isReachableFrom } from '@holdfast/shared/node/address'
import type { Logger } from '@holdfast/shared/node/logger'
import { isLoopback } from '@holdfast/shared/node/loopback'
import type { StopStack } from '@holdfast/shared/node/stop-stack'
import { GroupedWork, resultOf } from '../../mongo/grouped-work.ts'
import { peerOf } from '../swarms/swarm.ts'
import type { Announce, AnnounceAnswer } from '../swarms/swarms.ts'
import type { ReadWholeDeps } from '../torrents/read-whole.ts'
import type { TorrentRecords } from '../torrents/torrent-records.ts'
import { PartCache } from './part-cache.ts'
import { type SeedAddress, SeedPort } from './seed-port.ts'
import { SeededTorrents } from './seeded-torrents.ts'

/** A file may be deleted, and pieces may be hashed, so what an info-hash is of is looked up again after these. */
const SEEDED_MS = 30_000
const NOT_SEEDED_MS = 5_000
const MAX_KNOWN = 20_000
/** How a peer's id begins says what program it is (BEP 20). */
const ID_START = '-HF0100-'
const ID_BYTES = 20

export interface OwnSeedDeps {
  readonly records: TorrentRecords
  readonly clusterSecret: string
  readonly log: Logger
  readonly stops: StopStack
}

/** Seeds stored files as a BitTorrent peer, and tells of it, so that a magnet link is enough while nobody else is online. */
export class OwnSeed {
  readonly #deps: OwnSeedDeps
  readonly #known = new Map<string, { readonly isSeeded: boolean; readonly until: number }>()
  readonly #looks = new GroupedWork<string, boolean>(
    (hashes) => this.#torrents?.areSeeded(hashes) ?? Promise.resolve([]),
  )
  #port: SeedPort | null = null
  #torrents: SeededTorrents | null = null
  #host = ''
  #peerId: Buffer = Buffer.alloc(ID_BYTES)

  constructor(deps: OwnSeedDeps) {
    this.#deps = deps
  }

  /** Takes peers from then on, as soon as the port can be had. */
  open(address: SeedAddress, files: ReadWholeDeps): void {
    const { records, clusterSecret, log, stops } = this.#deps
    const torrents = new SeededTorrents({ torrents: records, files: files.records })
    const parts = new PartCache(files, log)
    stops.add(() => parts.close())
    this.#torrents = torrents
    this.#host = address.host
    this.#peerId = peerIdOf(clusterSecret, address.port)
    const port = new SeedPort(address, { peerId: this.#peerId, find: (hash) => torrents.find(hash), parts, log })
    this.#port = port
    stops.add(() => port.close())
  }

  /** @param host by which a client asks for this store. @returns where it finds the seed, or null where it finds none */
  addressFor(host: string): string | null {
    const port = this.#port?.port ?? null
    const isOutOfReach = isLoopback(this.#host) && !isLoopback(host.replace(/^\[|\]$/g, ''))
    return port === null || isOutOfReach ? null : `${host}:${port}`
  }

  /**
   * Adds this store to those whom the answer to an announce tells of, where it seeds what the swarm is of.
   * @param reached tells the address by which the asker has reached this machine, if that is known
   */
  async addTo(answer: AnnounceAnswer, wish: Announce, reached: () => Address | null): Promise<AnnounceAnswer> {
    const port = this.#port?.port ?? null
    if (port === null || !(await this.#isSeeded(wish.infoHash))) return answer
    const told = { ...answer, seeds: answer.seeds + 1 }
    const { address } = wish.endpoint
    // A client that has no metadata yet says that it lacks nothing, as a seed does, so seeds are told as well.
    const isOfUse = (wish.event === null || wish.event === 'started') && wish.wanted > 0
    const reachedAt = reached()
    if (!isOfUse || reachedAt === null || !isReachableFrom(address.scope, reachedAt.scope)) return told
    if (wish.family !== null && (wish.family === 4) !== (reachedAt.bytes.length === 4)) return told
    const itself = { peerId: this.#peerId.toString('latin1'), isSeed: true, expiresAt: 0, storedUntil: 0 }
    const peers = [peerOf({ address: reachedAt, port }, itself), ...answer.peers]
    return { ...told, peers: peers.slice(0, wish.wanted) }
  }

  async #isSeeded(infoHash: string): Promise<boolean> {
    const known = this.#known.get(infoHash)
    if (known !== undefined && known.until > performance.now()) return known.isSeeded
    try {
      const isSeeded = resultOf(await this.#looks.add(infoHash)) === true
      const until = performance.now() + (isSeeded ? SEEDED_MS : NOT_SEEDED_MS)
      if (this.#known.size >= MAX_KNOWN) this.#known.clear()
      this.#known.set(infoHash, { isSeeded, until })
      return isSeeded
    } catch (error) {
      // The tracker answers without a database as well, and others are still told of.
      this.#deps.log.debug({ err: error }, 'not looked up whether a swarm is of a stored file')
      return known?.isSeeded ?? false
    }
  }
}

/** All workers of a manager have the same id, for any of them may tell of the one that has the port. */
function peerIdOf(clusterSecret: string, port: number): Buffer {
  const digest = createHmac('sha256', clusterSecret).update(`seed ${hostname()} ${port}`).digest('hex')
  return Buffer.from((ID_START + digest).slice(0, ID_BYTES), 'latin1')
}
