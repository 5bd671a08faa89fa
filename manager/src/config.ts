import { LARGEST_FILE_BYTES } from '@holdfast/shared/limits'
import { StartError } from '@holdfast/shared/node/run-service'
import { allowAnonymousSetting, hostSetting, logLevelSetting } from '@holdfast/shared/settings/every-process'
import {
  bytes,
  flag,
  hostNames,
  httpPort,
  httpUrl,
  integer,
  milliseconds,
  mongoUrl,
  port,
  redisUrl,
  secret,
  text,
} from '@holdfast/shared/settings/parsers'
import type { SettingsOf, SettingsTable } from '@holdfast/shared/settings/settings'
import { MAX_PATIENCE_MS } from './bodies/body-pace.ts'
import { trustedProxies } from './http/callers.ts'

const MIB = 1024 ** 2
const GIB = 1024 ** 3
const LEAST_UPLOAD_MEMORY = 16 * MIB
/** With as many tries as one address has it cannot be guessed, unless it stands in a list. */
const LEAST_PASSWORD_LENGTH = 8

export const managerSettings = {
  mongoUrl: {
    env: 'MONGO_URL',
    parse: mongoUrl,
    isSecret: true,
    doc: 'MongoDB, a replica set: mongodb://host:27017/holdfast?replicaSet=rs0',
  },
  redisUrl: {
    env: 'REDIS_URL',
    parse: (value: string): string | null => redisUrl(value),
    default: null,
    isSecret: true,
    doc: 'Redis or Valkey, which keeps the jobs: redis://host:6379; without it MongoDB keeps them. The same for all managers',
  },
  clusterSecret: {
    env: 'CLUSTER_SECRET',
    parse: secret,
    isSecret: true,
    doc: 'What managers and file-servers prove to each other that they know; at least 16 characters',
  },
  host: hostSetting,
  port: { env: 'PORT', parse: httpPort, default: 8000, doc: 'HTTP port; 0 takes a free one' },
  seedPort: {
    env: 'SEED_PORT',
    parse: seedPort,
    default: 8001,
    doc: 'TCP port on HOST where BitTorrent clients load stored files by their torrents and magnet links; 0 takes a free one, off has none. Of several workers one has it',
  },
  publicUrl: {
    env: 'MANAGER_URL',
    parse: (value: string): string | null => httpUrl(value),
    default: null,
    doc: 'Where file-servers and browsers reach this manager; http://HOST:PORT unless given',
  },
  clientUrl: {
    env: 'PUBLIC_URL',
    parse: (value: string): string | null => httpUrl(value),
    default: null,
    doc: 'What torrents, magnet links and playlists name as the address of this store; MANAGER_URL, or the host that was asked for, unless given',
  },
  publicHosts: {
    env: 'PUBLIC_HOSTS',
    parse: hostNames,
    default: [],
    doc: 'Host names, separated by commas, by which clients ask for this manager besides those of MANAGER_URL and PUBLIC_URL; IP addresses and localhost are always served, other names refused',
  },
  trustedProxies: {
    env: 'TRUSTED_PROXIES',
    parse: trustedProxies,
    default: [],
    doc: 'IP addresses, separated by commas, of proxies in front, which add to X-Forwarded-For whom they were asked by; the trackers and their limits go by the last one there that is none of these',
  },
  workerCount: {
    env: 'MANAGER_WORKERS',
    parse: integer({ min: 1, max: 16 }),
    default: 1,
    doc: 'Manager processes behind the one port; file-servers dial each of them, on a port of its own',
  },
  workerPort: {
    env: 'MANAGER_WORKER_PORT',
    parse: port,
    default: 0,
    doc: 'With several workers, the first of their own ports, the others follow it; 0 takes free ones',
  },
  workerHost: {
    env: 'MANAGER_WORKER_HOST',
    parse: (value: string): string | null => text(value),
    default: null,
    doc: "With several workers, the host name under which file-servers reach their ports; MANAGER_URL's, or HOST, unless given",
  },
  allowAnonymous: allowAnonymousSetting,
  maxFileBytes: {
    env: 'MAX_FILE_BYTES',
    parse: fileBytes,
    default: 16 * GIB,
    doc: 'The largest file that is taken, after decoding',
  },
  maxUploads: {
    env: 'MAX_UPLOADS',
    parse: integer({ min: 1, max: 100_000 }),
    default: 1024,
    doc: 'Uploads under way at once, shared out among the workers; further ones are answered with code 17 and Retry-After',
  },
  senderPatienceMs: {
    env: 'SENDER_PATIENCE_MS',
    parse: integer({ min: 1_000, max: MAX_PATIENCE_MS }),
    default: 300_000,
    doc: 'How long an upload may pause; with one that comes more slowly than 512 bytes a second, how far it may fall behind that. Then code 18; an hour at most',
  },
  uploadMemoryBytes: {
    env: 'UPLOAD_MEMORY_BYTES',
    parse: uploadMemory,
    default: 128 * MIB,
    doc: 'What all uploads of class replicated together hold in memory, at least 16 MiB, shared out among the workers; who waits for it more than 10 s is answered with code 17, and meanwhile the slowest sender with code 18',
  },
  downloadMemoryBytes: {
    env: 'DOWNLOAD_MEMORY_BYTES',
    parse: bytes,
    default: 512 * MIB,
    doc: 'What all downloads together hold in memory, shared out among the workers, 4 to 8 MiB each of a large file; further ones are answered with code 17',
  },
  keepAliveMs: {
    env: 'HTTP_KEEP_ALIVE_MS',
    parse: milliseconds,
    default: 130_000,
    doc: 'How long a connection stays open between two requests; longer than the proxy in front keeps it, or requests fail now and then',
  },
  isDirect: {
    env: 'DIRECT_DOWNLOADS',
    parse: flag,
    default: false,
    doc: 'Send who downloads a file of class single, or of one chunk, by its link to the file-server that has it (CHUNK_HOST), by a signed link of five minutes, where the client can be expected to reach that',
  },
  activeWithinMs: {
    env: 'ACTIVE_WITHIN_MS',
    parse: milliseconds,
    default: 15_000,
    doc: 'A file-server not heard from for this long is not active',
  },
  replicas: {
    env: 'REPLICAS',
    parse: integer({ min: 1, max: 5 }),
    default: 2,
    doc: 'How many file-servers have each chunk of a file of class replicated; a change holds for what is stored, too; with 1 nothing is healed',
  },
  minReplicas: {
    env: 'MIN_REPLICAS',
    parse: integer({ min: 1, max: 5 }),
    default: 1,
    doc: 'With how many of them an upload is acknowledged when there are no more; the others follow; at most REPLICAS',
  },
  fileServerGraceMs: {
    env: 'FILE_SERVER_GRACE_MS',
    parse: milliseconds,
    default: 300_000,
    doc: 'A file-server that no manager has heard from for this long is lost: what it had is copied elsewhere',
  },
  upkeepEveryMs: {
    env: 'UPKEEP_EVERY_MS',
    parse: milliseconds,
    default: 5_000,
    doc: 'Pause between two rounds of upkeep',
  },
  reconcileEveryMs: {
    env: 'RECONCILE_EVERY_MS',
    parse: milliseconds,
    default: 24 * 3_600_000,
    doc: 'Pause between two comparisons of all that a file-server has with the records; sooner where it was started anew, and after ORPHAN_GRACE_MS where it has copies that no record names',
  },
  orphanGraceMs: {
    env: 'ORPHAN_GRACE_MS',
    parse: milliseconds,
    default: 3_600_000,
    doc: 'How long a copy that no record names is kept',
  },
  reconcileMaxShare: {
    env: 'RECONCILE_MAX_SHARE_PERCENT',
    parse: integer({ min: 0, max: 100 }),
    default: 5,
    doc: 'Reconcile stops and says so when more than this share of a file-server would go, in percent',
  },
  rebalanceThreshold: {
    env: 'REBALANCE_THRESHOLD',
    parse: integer({ min: 1, max: 1_000_000_000 }),
    default: 20,
    doc: 'File-servers that differ by more copies than this are rebalanced',
  },
  upkeepBytesPerSecond: {
    env: 'UPKEEP_BYTES_PER_SECOND',
    parse: bytes,
    default: 50 * MIB,
    doc: 'What healing and rebalancing together copy at most, per second',
  },
  heartbeatEveryMs: {
    env: 'UDP_HEARTBEAT_EVERY_MS',
    parse: milliseconds,
    default: 15_000,
    doc: 'Pause between two heartbeats to a user of the Napster tracker; who leaves three unanswered is inactive when the next one is due',
  },
  isTrackerOpen: {
    env: 'TRACKER_OPEN',
    parse: flag,
    default: false,
    doc: 'Track every info-hash that is announced, and not only those of stored files and those registered by POST /hash',
  },
  announceEveryMs: {
    env: 'TRACKER_ANNOUNCE_EVERY_MS',
    parse: integer({ min: 1_000, max: 86_400_000 }),
    default: 1_800_000,
    doc: 'How often BitTorrent peers are asked to announce; one that is silent twice as long and a minute is gone',
  },
  torrentDirectory: {
    env: 'TORRENT_DIR',
    parse: (value: string): string | null => text(value),
    default: null,
    doc: "Where torrents are loaded that are pulled into the store, with room for them; of the processes of one machine that have the same one, only one loads, two torrents at once. A directory of its own below the system's for temporary files unless given",
  },
  maxTorrentBytes: {
    env: 'MAX_TORRENT_BYTES',
    parse: bytes,
    default: 16 * GIB,
    doc: 'The largest torrent that is pulled in, all its files together; each of them may have MAX_FILE_BYTES',
  },
  torrentPatienceMs: {
    env: 'TORRENT_PATIENCE_MS',
    parse: milliseconds,
    default: 600_000,
    doc: 'A torrent of which nothing has come for this long is given up, and tried again a few times',
  },
  allowsPrivateTorrents: {
    env: 'TORRENT_PRIVATE_NETWORKS',
    parse: flag,
    default: false,
    doc: 'Whether torrents that are pulled in may lead to addresses of private networks and of this machine: their trackers, web seeds and peers',
  },
  subsonicUser: {
    env: 'SUBSONIC_USER',
    parse: (value: string): string | null => text(value),
    default: null,
    doc: 'The user of music players that speak OpenSubsonic, under /rest; without user and password there is no /rest',
  },
  subsonicPassword: {
    env: 'SUBSONIC_PASSWORD',
    parse: (value: string): string | null => password(value),
    default: null,
    isSecret: true,
    doc: 'The password of that user, at least 8 characters; the same for all managers',
  },
  logLevel: logLevelSetting,
} as const satisfies SettingsTable

export type ManagerSettings = SettingsOf<typeof managerSettings>

/** @throws StartError where the settings contradict each other */
export function requireReplicas({ replicas, minReplicas }: Pick<ManagerSettings, 'replicas' | 'minReplicas'>): void {
  if (minReplicas <= replicas) return
  throw new StartError(
    `MIN_REPLICAS=${minReplicas} is more than REPLICAS=${replicas}, so that no upload of class replicated could be acknowledged.`,
  )
}

function seedPort(value: string): number | null {
  return value === 'off' ? null : port(value)
}

/** Less holds no two chunks of 4 MiB beside what is kept for small files. */
function uploadMemory(value: string): number {
  const size = bytes(value)
  if (size < LEAST_UPLOAD_MEMORY) throw new Error(`must be at least ${LEAST_UPLOAD_MEMORY / MIB}MiB`)
  return size
}

function password(value: string): string {
  if (value.length < LEAST_PASSWORD_LENGTH) throw new Error(`must have at least ${LEAST_PASSWORD_LENGTH} characters`)
  return value
}

function fileBytes(value: string): number {
  const size = bytes(value)
  if (size > LARGEST_FILE_BYTES) throw new Error(`must be at most ${LARGEST_FILE_BYTES / GIB}GiB`)
  return size
}
