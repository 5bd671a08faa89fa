import type { FoundFile } from './disk-picture.ts'

/** Only these fields of a file record say where its bytes are. */
export interface PlacedFile {
  readonly name: string
  readonly state: string
  readonly storageClass?: string
  /** While it is there, one of the chunks may lack a replica. */
  readonly short?: number
  readonly chunks?: readonly PlacedChunk[]
}

interface PlacedChunk {
  readonly size: number
  readonly sha256: string
  readonly replicas: readonly PlacedReplica[]
  readonly leaving?: readonly PlacedReplica[]
}

interface PlacedReplica {
  readonly server: string
  readonly slot: number
  readonly copyId: string
  readonly bad?: string
}

export interface ExpectedCopy {
  readonly name: string
  readonly sha256: string
  readonly sizeBytes: number
}

/** The file-servers whose disks are there. */
type Servers = Pick<ReadonlySet<string>, 'has'>

const RADIX = 36
const SLOT_DIGITS = 6
/** Each chunk of class `replicated` is on so many file-servers. */
const REPLICAS = 2

/** @returns where the copies of the live files have to lie, by server and path */
export function expectCopies(records: readonly PlacedFile[]): Map<string, ExpectedCopy> {
  const expected = new Map<string, ExpectedCopy>()
  for (const { name, state, chunks = [] } of records) {
    if (state !== 'live') continue
    for (const { size, sha256, replicas } of chunks) {
      for (const { server, slot, copyId } of replicas)
        expected.set(`${server}:${pathOf(slot, copyId, sha256)}`, { name, sha256, sizeBytes: size })
    }
  }
  return expected
}

/**
 * Copies of deleted files have to be gone. @param servers are those whose disks are there; what is deleted, or leaves, stays
 * named on others. @returns what the disks hold beyond the records, or lack, one sentence each
 */
export function compareDisks(records: readonly PlacedFile[], files: readonly FoundFile[], servers: Servers): string[] {
  const expected = expectCopies(records)
  const found = new Set(files.map(keyOf))
  const lacking = [...expected].filter(([key]) => !found.has(key))
  const live = records.filter((record) => record.state === 'live')
  return [
    ...lacking.map(([key, { name }]) => `${name}: the record names ${key}, which is not there`),
    ...files.filter((file) => !expected.has(keyOf(file))).map(describeStray),
    ...live.flatMap((record) => describeLack(record).map((lack) => `${record.name}: the record ${lack}`)),
    ...live.filter(isLeavingOn(servers)).map(({ name }) => `${name}: a copy that leaves is still named`),
    ...records.filter((record) => record.state === 'open').map(({ name }) => `${name}: an upload has not ended`),
    ...records.filter(isDeletedOn(servers)).map(({ name }) => `${name}: deleted, its record stays`),
  ]
}

/** @returns what a live record says of too few or wrong replicas */
export function describeLack({ storageClass, short, chunks = [] }: PlacedFile): string[] {
  if (chunks.length === 0 || chunks.some(({ replicas }) => replicas.length === 0)) return ['names no copy']
  if (storageClass !== 'replicated') return []
  return [
    ...chunks.flatMap(({ replicas }, number) => {
      const servers = new Set(replicas.map(({ server }) => server))
      const isRight = servers.size === REPLICAS && replicas.length === REPLICAS
      const bad = replicas.flatMap((replica) => replica.bad ?? [])
      return [
        ...(isRight ? [] : [`has ${replicas.length} replicas on ${servers.size} file-servers for chunk ${number}`]),
        ...(bad.length > 0 ? [`names a replica of chunk ${number} that is ${bad.join(' and one that is ')}`] : []),
      ]
    }),
    ...(short === undefined ? [] : [`is still short: ${short}`]),
  ]
}

function isLeavingOn(servers: Servers) {
  return ({ chunks = [] }: PlacedFile): boolean =>
    chunks.some(({ leaving = [] }) => leaving.some(({ server }) => servers.has(server)))
}

/** A copy on a file-server that is not there keeps the record of its deleted file. */
function isDeletedOn(servers: Servers) {
  return ({ state, chunks = [] }: PlacedFile): boolean => {
    if (state !== 'deleted') return false
    const copies = chunks.flatMap(({ replicas, leaving = [] }) => [...replicas, ...leaving])
    return copies.length === 0 || copies.some(({ server }) => servers.has(server))
  }
}

export function keyOf({ server, path }: FoundFile): string {
  return `${server}:${path}`
}

function describeStray({ absolutePath, path }: FoundFile): string {
  if (path.endsWith('.part')) return `${absolutePath} is left of an upload`
  if (path.startsWith('quarantine')) return `${absolutePath} stays in the quarantine`
  return `${absolutePath} belongs to no live file`
}

/** The path is written down a second time on purpose, because the file-server's own code is what is being checked. */
export function pathOf(slot: number, copyId: string, sha256: string): string {
  const digits = [...slot.toString(RADIX).padStart(SLOT_DIGITS, '0')]
  return `tree/${digits.join('/')}-${copyId}-${sha256}`
}
