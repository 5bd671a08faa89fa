import { StoreError } from '@holdfast/shared/errors/store-error'
import { isDigest } from '@holdfast/shared/ids'

export interface StoredFile {
  readonly filename: string
  readonly id: string
  /** The store reports what it has counted and hashed, or null. */
  readonly sizeBytes: number | null
  readonly sha256: string | null
}

export interface DeletedFile {
  readonly filename: string
  readonly id: string
}

/** The manager describes each file-server that is connected to it. */
export interface ActiveNode {
  readonly id: string
  readonly name: string
  readonly state: string
  /** The time is in ISO 8601. */
  readonly lastPingAt: string
  readonly files: number
  readonly bytes: number
  readonly freeBytes: number
  readonly totalBytes: number
}

export function parseStoredFile(value: unknown): StoredFile {
  const answer = toObject(value)
  const { sizeBytes, sha256 } = answer
  return {
    ...parseDeletedFile(answer),
    sizeBytes: typeof sizeBytes === 'number' ? sizeBytes : null,
    sha256: isDigest(sha256) ? sha256 : null,
  }
}

export function parseDeletedFile(value: unknown): DeletedFile {
  const answer = toObject(value)
  return { filename: text(answer, 'filename'), id: text(answer, 'id') }
}

export function parseActiveNodes(value: unknown): ActiveNode[] {
  if (!Array.isArray(value)) throw unexpected('not an array')
  return value.map((item) => {
    const node = toObject(item)
    return {
      id: text(node, 'id'),
      name: text(node, 'name'),
      state: text(node, 'state'),
      lastPingAt: text(node, 'lastPingAt'),
      files: amount(node, 'files'),
      bytes: amount(node, 'bytes'),
      freeBytes: amount(node, 'freeBytes'),
      totalBytes: amount(node, 'totalBytes'),
    }
  })
}

/** @param etag is `"<sha256>"`. @returns the digest, or null where the ETag is something else. */
export function digestOfEtag(etag: string | null): string | null {
  const digest = /^"([0-9a-f]{64})"$/.exec(etag ?? '')?.[1]
  return digest ?? null
}

function toObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw unexpected('not an object')
  return value as Record<string, unknown>
}

function text(answer: Record<string, unknown>, key: string): string {
  const value = answer[key]
  if (typeof value !== 'string') throw unexpected(`no ${key}`)
  return value
}

function amount(answer: Record<string, unknown>, key: string): number {
  const value = answer[key]
  if (typeof value !== 'number' || !Number.isFinite(value)) throw unexpected(`no ${key}`)
  return value
}

function unexpected(problem: string): StoreError {
  return new StoreError('INTERNAL', `this is not the answer of a Holdfast manager: ${problem}`)
}
