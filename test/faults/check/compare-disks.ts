import type { FoundFile } from './disk-picture.ts'

/** Only these fields of a file record say where its bytes are. */
export interface PlacedFile {
  readonly name: string
  readonly state: string
  readonly chunks?: readonly {
    readonly size: number
    readonly sha256: string
    readonly replicas: readonly { readonly server: string; readonly slot: number; readonly copyId: string }[]
  }[]
}

export interface ExpectedCopy {
  readonly name: string
  readonly sha256: string
  readonly sizeBytes: number
}

const RADIX = 36
const SLOT_DIGITS = 6

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
 * Copies of deleted files have to be gone. @returns what the disks hold beyond the records, or lack, one sentence each
 */
export function compareDisks(records: readonly PlacedFile[], files: readonly FoundFile[]): string[] {
  const expected = expectCopies(records)
  const found = new Set(files.map(keyOf))
  const lacking = [...expected].filter(([key]) => !found.has(key))
  const replicaCounts = records
    .filter((record) => record.state === 'live')
    .filter(({ chunks = [] }) => chunks.length === 0 || chunks.some(({ replicas }) => replicas.length === 0))
  return [
    ...lacking.map(([key, { name }]) => `${name}: the record names ${key}, which is not there`),
    ...files.filter((file) => !expected.has(keyOf(file))).map(describeStray),
    ...replicaCounts.map(({ name }) => `${name}: the record names no copy`),
    ...records.filter((record) => record.state === 'deleted').map(({ name }) => `${name}: deleted, its record stays`),
  ]
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
function pathOf(slot: number, copyId: string, sha256: string): string {
  const digits = [...slot.toString(RADIX).padStart(SLOT_DIGITS, '0')]
  return `tree/${digits.join('/')}-${copyId}-${sha256}`
}
