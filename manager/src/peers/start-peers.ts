import type { Logger } from '@holdfast/shared/node/logger'
import type { StopStack } from '@holdfast/shared/node/stop-stack'
import type { FileRecords } from '../files/file-records.ts'
import type { Jobs } from '../jobs/jobs.ts'
import type { Database } from '../mongo/database.ts'
import { HashRecords } from './hash-records.ts'
import { RateLimit } from './rate-limit.ts'
import { LocalAddresses } from './seed/local-addresses.ts'
import { OwnSeed } from './seed/own-seed.ts'
import { newCounts, type TrackerCounts } from './stats/tracker-counts.ts'
import { TrackerStats } from './stats/tracker-stats.ts'
import { SwarmRecords } from './swarms/swarm-records.ts'
import { Swarms } from './swarms/swarms.ts'
import { type ReadWholeDeps, readWhole } from './torrents/read-whole.ts'
import { TorrentJobs } from './torrents/torrent-jobs.ts'
import { TorrentRecords } from './torrents/torrent-records.ts'
import { TorrentWishes } from './torrents/torrent-wishes.ts'
import { Torrents } from './torrents/torrents.ts'
import { ConnectionIds } from './udp/connection-ids.ts'
import { type UdpAddress, UdpPort } from './udp/udp-port.ts'
import { UdpTracker } from './udp/udp-tracker.ts'
import { Heartbeats } from './users/heartbeats.ts'
import { TrackRecords } from './users/track-records.ts'
import { UserRecords } from './users/user-records.ts'
import type { UsersDeps } from './users/users.ts'

/** These bound how often one network may write by JSON, announce and scrape, ask for a connection id over UDP, and search. */
const WRITES = { perSecond: 50, burst: 1_000 }
const ANNOUNCES = { perSecond: 50, burst: 1_000 }
const CONNECTS = { perSecond: 20, burst: 200 }
const SEARCHES = { perSecond: 20, burst: 200 }

export interface PeersDeps {
  readonly database: Database
  readonly files: Pick<FileRecords, 'findTorrents'>
  readonly managerId: string
  readonly log: Logger
  readonly stops: StopStack
  /** Tells whether there are other managers on the same database. */
  readonly hasOtherManagers: () => boolean
}

export interface PeersSettings {
  readonly clusterSecret: string
  readonly heartbeatEveryMs: number
  readonly isTrackerOpen: boolean
  readonly announceEveryMs: number
}

export interface Peers extends UsersDeps {
  readonly hashes: HashRecords
  readonly swarms: Swarms
  readonly ownSeed: OwnSeed
  readonly counts: TrackerCounts
  readonly stats: TrackerStats
  readonly writeLimit: RateLimit
  readonly announceLimit: RateLimit
  readonly searchLimit: RateLimit
  /** Makes what makes torrents of stored files, and what does its jobs, which do not begin by that. */
  makeTorrents(files: ReadWholeDeps & { readonly jobs: Jobs }): {
    readonly torrents: Torrents
    readonly torrentJobs: TorrentJobs
  }
  /** Opens the UDP port, or waits until it can be had. */
  openUdp(address: UdpAddress): void
}

/** Starts what knows of peers: the Napster tracker with its heartbeats, and the torrent trackers. */
export async function startPeers(
  { database, files, managerId, log, stops, hasOtherManagers: hasOthers }: PeersDeps,
  settings: PeersSettings,
): Promise<Peers> {
  const users = new UserRecords(database)
  const tracks = new TrackRecords(database)
  const hashes = new HashRecords(database)
  const swarmRecords = new SwarmRecords(database)
  const torrentRecords = new TorrentRecords(database)
  const wishes = new TorrentWishes(database)
  const prepared = [users, tracks, hashes, swarmRecords, torrentRecords, wishes]
  await Promise.all(prepared.map((records) => records.prepare()))
  const counts = newCounts()
  let udp: UdpPort | null = null
  const send = (datagram: Buffer, port: number, ip: string): void => udp?.send(datagram, port, ip)
  const heartbeats = new Heartbeats({
    ...{ users, tracks, counts, send, log },
    canSend: () => udp?.isOpen === true,
    everyMs: settings.heartbeatEveryMs,
  })
  stops.add(() => heartbeats.close())
  const swarms = new Swarms({
    ...{ records: swarmRecords, counts, log, hasOthers, isOpen: settings.isTrackerOpen },
    intervalMs: settings.announceEveryMs,
    findStored: (infoHashes) => files.findTorrents(infoHashes),
  })
  stops.add(() => swarms.close())
  const stats = new TrackerStats({ database, managerId, counts, swarms, hashes, tracks, users })
  await stats.start()
  stops.add(() => stats.close())
  const announceLimit = new RateLimit(ANNOUNCES)
  const ownSeed = new OwnSeed({ records: torrentRecords, clusterSecret: settings.clusterSecret, log, stops })
  const localAddresses = new LocalAddresses()
  let udpHost = ''
  const tracker = new UdpTracker({
    ...{ swarms, counts, send, requests: announceLimit, connects: new RateLimit(CONNECTS) },
    ids: new ConnectionIds(settings.clusterSecret),
    addOwnSeed: (answer, wish) =>
      ownSeed.addTo(answer, wish, () => localAddresses.reachedBy(wish.endpoint.address, udpHost)),
  })
  return {
    ...{ users, tracks, hashes, swarms, ownSeed, counts, stats, announceLimit },
    writeLimit: new RateLimit(WRITES),
    searchLimit: new RateLimit(SEARCHES),
    makeTorrents(files) {
      const torrentJobs = new TorrentJobs({
        ...{ jobs: files.jobs, records: torrentRecords, wishes, log },
        findFile: (id) => files.records.findLiveById(id),
        read: (record, signal) => readWhole(files, record, { signal, log }),
      })
      const torrents = new Torrents({
        ...{ files: files.records, records: torrentRecords, wishes, swarms },
        jobs: torrentJobs,
      })
      return { torrents, torrentJobs }
    },
    openUdp(address) {
      udpHost = address.host
      const opened = new UdpPort(
        address,
        (datagram, source) => {
          if (!heartbeats.take(datagram)) tracker.take(datagram, source)
        },
        log,
      )
      udp = opened
      stops.add(() => opened.close())
    },
  }
}
