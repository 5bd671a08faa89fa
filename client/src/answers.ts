import { StoreError } from '@holdfast/shared/errors/store-error'
import { isDigest } from '@holdfast/shared/ids'

/**
 * `single`: the file is whole on one file-server. `replicated`: it is in chunks, each of which is on several file-servers,
 * so that it survives the loss of any one of them.
 */
export type StorageClass = 'single' | 'replicated'

export interface StoredFile {
  readonly filename: string
  readonly id: string
  /** The store reports what it has counted and hashed, or null. */
  readonly sizeBytes: number | null
  readonly sha256: string | null
  /** Fewer file-servers have it yet than should. The store makes up for that by itself. */
  readonly isDegraded: boolean
}

export interface DeletedFile {
  readonly filename: string
  readonly id: string
}

/** The store describes a file like this. Times are in ISO 8601. */
export interface FileDescription {
  /** A file with a path has 24 hex digits; a share has the 32 of its link, which let everyone read it who knows them. */
  readonly id: string
  /** It is the path of a file, or the label of a share. */
  readonly name: string
  readonly sizeBytes: number
  /** It has its quotes, as in the header. */
  readonly etag: string
  readonly sha256: string | null
  readonly contentType: string
  readonly storageClass: StorageClass
  /** The file's bytes are there on any manager, such as `/download/<id>`. */
  readonly url: string
  readonly uploadedAt: string
  readonly expiresAt: string | null
  /** Fewer file-servers have it yet than should. */
  readonly isDegraded: boolean
}

export interface ChunkDescription {
  /** This is the chunk's sha-256. */
  readonly id: string
  readonly order: number
  readonly sizeBytes: number
  /** These are the ids of the file-servers that have it. */
  readonly locations: readonly string[]
}

export interface FileWithChunks extends FileDescription {
  readonly chunks: readonly ChunkDescription[]
}

export interface FilePage {
  readonly files: readonly FileDescription[]
  /** The next page begins there; it is null at the last one. */
  readonly next: string | null
}

/** The manager describes each file-server that is connected to it. */
export interface ActiveNode {
  readonly id: string
  readonly name: string
  /** All file-servers of a zone, such as a machine, fail together; it is null where the manager does not say. */
  readonly zone: string | null
  readonly state: string
  /** The time is in ISO 8601. */
  readonly lastPingAt: string
  readonly files: number
  readonly bytes: number
  readonly freeBytes: number
  readonly totalBytes: number
  /** Whoever has a ticket posts and gets chunks there; it is null where the manager does not say. */
  readonly chunkUrl: string | null
}

/** A loop is one repeating piece of upkeep. What is not known is null. */
export interface UpkeepLoop {
  /** It is a name such as `replicate`, which heals. */
  readonly name: string
  readonly state: string
  /** Says why it is stuck. */
  readonly detail?: string
  readonly done: number
  readonly remaining: number | null
  readonly bytesPerSecond: number | null
  readonly secondsLeft: number | null
  readonly lastRunAt: string | null
  readonly lastError?: string
}

/** Tells how upkeep goes, as the manager that does it told last. Times are in ISO 8601. */
export interface Upkeep {
  /** The manager with this id has done it since then. */
  readonly manager: string
  readonly since: string
  readonly loops: readonly UpkeepLoop[]
  /** Counts chunks of class `replicated`, by how many replicas of them count ("0", "1", …); it is null until they were counted. */
  readonly chunks: {
    readonly total: number
    readonly byReplicas: Readonly<Record<string, number>>
    readonly countedAt: string
  } | null
  readonly fileServers: {
    readonly known: number
    readonly active: number
    readonly lost: readonly {
      readonly id: string
      readonly name: string
      readonly zone: string
      readonly lostAt: string
    }[]
  }
  /** An unlikely share of these file-servers' copies has no record (`orphans`) or is missing, and nothing is removed there. */
  readonly halted: readonly {
    readonly fileServer: string
    readonly name: string
    readonly why: string
    readonly count: number
    readonly copies: number
  }[]
}

/** A job is something that the manager does by and by, such as to pull a torrent in. */
export interface Job {
  readonly id: string
  readonly state: 'waiting' | 'delayed' | 'running' | 'failed' | 'done'
  /** This is the last failure, also while it is tried again. */
  readonly error: string | null
  /** Tells how it goes, as the job itself tells it. */
  readonly progress: Readonly<Record<string, unknown>>
}

/** Counts what the trackers of all managers hold, and have done. */
export interface TrackerStatus {
  /** Counts those of BitTorrent. */
  readonly peers: number
  /** Counts what the users of the Napster tracker have. */
  readonly tracks: number
  readonly users: { readonly active: number; readonly inactive: number }
  /** Counts those that were answered since the managers started. */
  readonly announces: number
}

export function parseStoredFile(value: unknown): StoredFile {
  const answer = toObject(value)
  const { sizeBytes, sha256, degraded } = answer
  return {
    ...parseDeletedFile(answer),
    sizeBytes: typeof sizeBytes === 'number' ? sizeBytes : null,
    sha256: isDigest(sha256) ? sha256 : null,
    isDegraded: degraded === true,
  }
}

export function parseDeletedFile(value: unknown): DeletedFile {
  const answer = toObject(value)
  return { filename: text(answer, 'filename'), id: text(answer, 'id') }
}

export function parseFile(value: unknown): FileDescription {
  const file = toObject(value)
  const { sha256 } = file
  return {
    id: text(file, 'id'),
    name: text(file, 'name'),
    sizeBytes: amount(file, 'size'),
    etag: text(file, 'etag'),
    sha256: isDigest(sha256) ? sha256 : null,
    contentType: text(file, 'contentType'),
    storageClass: storageClassOf(file),
    url: text(file, 'url'),
    uploadedAt: text(file, 'uploadedAt'),
    expiresAt: textOrNull(file, 'expiresAt'),
    isDegraded: file.degraded === true,
  }
}

export function parseFileWithChunks(value: unknown): FileWithChunks {
  const chunks = list(toObject(value), 'chunks').map((chunk) => ({
    id: text(chunk, 'id'),
    order: amount(chunk, 'order'),
    sizeBytes: amount(chunk, 'size'),
    locations: texts(chunk, 'locations'),
  }))
  return { ...parseFile(value), chunks }
}

export function parseFilePage(value: unknown): FilePage {
  const page = toObject(value)
  return { files: list(page, 'files').map(parseFile), next: textOrNull(page, 'next') }
}

export function parseActiveNodes(value: unknown): ActiveNode[] {
  return list({ nodes: value }, 'nodes').map((node) => ({
    id: text(node, 'id'),
    name: text(node, 'name'),
    zone: textOrNull(node, 'zone'),
    state: text(node, 'state'),
    lastPingAt: text(node, 'lastPingAt'),
    files: amount(node, 'files'),
    bytes: amount(node, 'bytes'),
    freeBytes: amount(node, 'freeBytes'),
    totalBytes: amount(node, 'totalBytes'),
    chunkUrl: textOrNull(node, 'chunkUrl'),
  }))
}

/** @returns null where upkeep never ran. */
export function parseUpkeep(value: unknown): Upkeep | null {
  if (value === null) return null
  const upkeep = toObject(value)
  const fileServers = toObject(upkeep.fileServers)
  return {
    manager: text(upkeep, 'manager'),
    since: text(upkeep, 'since'),
    loops: list(upkeep, 'loops').map(parseLoop),
    chunks: upkeep.chunks === null ? null : parseChunkCounts(toObject(upkeep.chunks)),
    fileServers: {
      known: amount(fileServers, 'known'),
      active: amount(fileServers, 'active'),
      lost: list(fileServers, 'lost').map((lost) => ({
        id: text(lost, 'id'),
        name: text(lost, 'name'),
        zone: text(lost, 'zone'),
        lostAt: text(lost, 'lostAt'),
      })),
    },
    halted: list(upkeep, 'halted').map((halt) => ({
      fileServer: text(halt, 'fileServer'),
      name: text(halt, 'name'),
      why: text(halt, 'why'),
      count: amount(halt, 'count'),
      copies: amount(halt, 'copies'),
    })),
  }
}

export function parseTrackerStatus(value: unknown): TrackerStatus {
  const status = toObject(value)
  const users = toObject(status.users)
  const announces = list(status, 'managers').map((manager) => toObject(manager.announces))
  return {
    peers: amount(status, 'peers'),
    tracks: amount(status, 'tracks'),
    users: { active: amount(users, 'active'), inactive: amount(users, 'inactive') },
    announces: announces.reduce((sum, of) => sum + amount(of, 'udp') + amount(of, 'http'), 0),
  }
}

function parseLoop(loop: Record<string, unknown>): UpkeepLoop {
  const { detail, lastError } = loop
  return {
    name: text(loop, 'name'),
    state: text(loop, 'state'),
    ...(typeof detail === 'string' && { detail }),
    done: amount(loop, 'done'),
    remaining: amountOrNull(loop, 'remaining'),
    bytesPerSecond: amountOrNull(loop, 'bytesPerSecond'),
    secondsLeft: amountOrNull(loop, 'secondsLeft'),
    lastRunAt: textOrNull(loop, 'lastRunAt'),
    ...(typeof lastError === 'string' && { lastError }),
  }
}

function parseChunkCounts(chunks: Record<string, unknown>): NonNullable<Upkeep['chunks']> {
  const byReplicas = toObject(chunks.byReplicas)
  return {
    total: amount(chunks, 'total'),
    byReplicas: Object.fromEntries(Object.keys(byReplicas).map((count) => [count, amount(byReplicas, count)])),
    countedAt: text(chunks, 'countedAt'),
  }
}

export function parseJob(value: unknown): Job {
  const job = toObject(value)
  const state = states.find((known) => known === job.state)
  if (state === undefined) throw unexpected('no state')
  return { id: text(job, 'id'), state, error: textOrNull(job, 'error'), progress: toObject(job.progress ?? {}) }
}

export function parseJobId(value: unknown): string {
  return text(toObject(value), 'id')
}

const states = ['waiting', 'delayed', 'running', 'failed', 'done'] as const

/** @param etag is `"<sha256>"`. @returns the digest, or null where the ETag is something else. */
export function digestOfEtag(etag: string | null): string | null {
  const digest = /^"([0-9a-f]{64})"$/.exec(etag ?? '')?.[1]
  return digest ?? null
}

function toObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw unexpected('not an object')
  return value as Record<string, unknown>
}

function list(answer: Record<string, unknown>, key: string): Record<string, unknown>[] {
  const value = answer[key]
  if (!Array.isArray(value)) throw unexpected(`no list of ${key}`)
  return value.map(toObject)
}

function text(answer: Record<string, unknown>, key: string): string {
  const value = answer[key]
  if (typeof value !== 'string') throw unexpected(`no ${key}`)
  return value
}

function textOrNull(answer: Record<string, unknown>, key: string): string | null {
  return (answer[key] ?? null) === null ? null : text(answer, key)
}

function texts(answer: Record<string, unknown>, key: string): string[] {
  const value = answer[key]
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) throw unexpected(`no ${key}`)
  return value
}

function amount(answer: Record<string, unknown>, key: string): number {
  const value = answer[key]
  if (typeof value !== 'number' || !Number.isFinite(value)) throw unexpected(`no ${key}`)
  return value
}

function amountOrNull(answer: Record<string, unknown>, key: string): number | null {
  return (answer[key] ?? null) === null ? null : amount(answer, key)
}

function storageClassOf(file: Record<string, unknown>): StorageClass {
  if (file.class === 'single' || file.class === 'replicated') return file.class
  throw unexpected('no class')
}

function unexpected(problem: string): StoreError {
  return new StoreError('INTERNAL', `this is not the answer of a Holdfast manager: ${problem}`)
}
