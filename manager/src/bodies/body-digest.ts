import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { type Dictionary, parseDictionary } from 'structured-headers'

const SHA256_BYTES = 32

/** The two differ only by content codings and ranges, and a body has neither here. */
const digestHeaders = ['Content-Digest', 'Repr-Digest'] as const

/**
 * Reads which sha-256 the body is said to have (RFC 9530). Digests by other algorithms are ignored, as the RFC allows.
 * @returns none where the client sent none. @throws INVALID_REQUEST
 */
export function announcedDigests(headers: IncomingHttpHeaders): readonly Buffer[] {
  return digestHeaders.flatMap((header) => {
    const value = headers[header.toLowerCase()]
    const digest = typeof value === 'string' ? parseMembers(header, value).get('sha-256')?.[0] : undefined
    if (digest === undefined) return []
    if (!(digest instanceof ArrayBuffer) || digest.byteLength !== SHA256_BYTES) throw malformed(header)
    return [Buffer.from(digest)]
  })
}

function parseMembers(header: string, value: string): Dictionary {
  try {
    return parseDictionary(value)
  } catch (error) {
    throw malformed(header, error)
  }
}

function malformed(header: string, cause?: unknown): StoreError {
  return new StoreError('INVALID_REQUEST', `${header} must be sha-256=:BASE64: of 32 bytes (RFC 9530)`, { cause })
}

/** @throws DIGEST_MISMATCH */
export function verifyWhole(body: Buffer, announced: readonly Buffer[]): void {
  if (announced.length > 0) judge(createHash('sha256').update(body).digest(), announced)
}

/** Hashes the bytes as they pass. It throws DIGEST_MISMATCH instead of an end, so that nobody takes them for good. */
export async function* verifyPassing(
  source: AsyncGenerator<Buffer>,
  announced: readonly Buffer[],
): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash('sha256')
  for await (const bytes of source) {
    hash.update(bytes)
    yield bytes
  }
  judge(hash.digest(), announced)
}

function judge(actual: Buffer, announced: readonly Buffer[]): void {
  if (announced.some((digest) => !digest.equals(actual)))
    throw new StoreError('DIGEST_MISMATCH', 'the body has another sha-256 than Content-Digest or Repr-Digest says')
}
