import { type CopyId, type Digest, isCopyId, isDigest, isSlot, type Slot } from '../ids.ts'
import type { NamedCopy } from '../wire/shapes.ts'
import { bodyDigest, issueTicket } from './ticket.ts'

/** A signed link tells the file-server with which headers the bytes are to be sent. */
export interface DirectDownload {
  readonly contentType: string
  readonly disposition: string
  /** It counts whole seconds since 1970. */
  readonly modifiedAt: number
  /** The client is sent there where the file-server cannot give the bytes. */
  readonly otherwise: string
}

/** A request for a chunk asks for this. */
export interface ChunkRequest {
  readonly sha256: Digest
  /** It is null where any copy with that digest will do. */
  readonly copy: NamedCopy | null
  readonly direct: DirectDownload | null
}

/** @returns the target of a request for that very copy */
export function chunkTarget({ sha256, copyId, slot }: NamedCopy, direct?: DirectDownload): string {
  const query = new URLSearchParams({ copy: copyId, slot: String(slot) })
  if (direct !== undefined) {
    query.set('type', direct.contentType)
    query.set('disposition', direct.disposition)
    query.set('modified', String(direct.modifiedAt))
    query.set('otherwise', direct.otherwise)
  }
  return `/chunk/${sha256}?${query}`
}

/** @returns what the target of a `GET` asks for, or null where it is not one of a chunk */
export function parseChunkTarget(target: string): ChunkRequest | null {
  const [, sha256, search = ''] = /^\/chunk\/([0-9a-f]{64})(?:\?(.*))?$/s.exec(target) ?? []
  if (!isDigest(sha256)) return null
  const query = new URLSearchParams(search)
  const [copyId, slot] = [query.get('copy'), Number(query.get('slot') ?? Number.NaN)]
  const copy = isCopyId(copyId) && isSlot(slot) ? { sha256, copyId: copyId as CopyId, slot: slot as Slot } : null
  const [contentType, disposition, modified, otherwise] = ['type', 'disposition', 'modified', 'otherwise'].map((name) =>
    query.get(name),
  )
  const isDirect = contentType != null && disposition != null && modified != null && otherwise != null
  return {
    sha256,
    copy,
    direct: isDirect ? { contentType, disposition, modifiedAt: Number(modified), otherwise } : null,
  }
}

const TICKET_PARAMETER = /[?&]ticket=([\w.-]+)$/

/**
 * Signs a `GET` of a file-server's chunk port. The target with its ticket is a link that works without a header.
 * @param expiresAt in whole seconds since 1970
 * @returns the ticket
 */
export function issueChunkTicket(secret: string, server: string, target: string, expiresAt: number): string {
  return issueTicket(secret, { method: 'GET', path: target, bodySha256: bodyDigest(''), server }, expiresAt)
}

export function withTicket(target: string, ticket: string): string {
  return `${target}${target.includes('?') ? '&' : '?'}ticket=${ticket}`
}

/** @returns the target that was signed, and the ticket where it stands in its query */
export function withoutTicket(target: string): { readonly target: string; readonly ticket: string | null } {
  const found = TICKET_PARAMETER.exec(target)
  return found === null ? { target, ticket: null } : { target: target.slice(0, found.index), ticket: found[1] ?? null }
}
