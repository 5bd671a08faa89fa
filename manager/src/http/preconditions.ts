import type { IncomingHttpHeaders } from 'node:http'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { parseHttpDate } from './http-date.ts'

/** A version of a file is known by these. Both are fixed when it is created. */
export interface Validators {
  /** The tag is a strong one, quotes included. */
  readonly etag: string
  /** It counts milliseconds since 1970, cut to a whole second, as a client is told it. */
  readonly lastModified: number
}

export type Verdict =
  | { readonly kind: 'met' }
  /** The client that reads has this version already. */
  | { readonly kind: 'not-modified' }
  | { readonly kind: 'failed'; readonly detail: string }

/** These fields tell versions of a file apart. */
interface Versioned {
  readonly sha256: string
  readonly createdAt: Date
}

const entityTag = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/

export function validatorsOf({ sha256, createdAt }: Versioned): Validators {
  return { etag: `"${sha256}"`, lastModified: Math.floor(createdAt.getTime() / 1000) * 1000 }
}

/** @returns whether a request that changes something has preconditions */
export function hasPreconditions(headers: IncomingHttpHeaders): boolean {
  return ['if-match', 'if-none-match', 'if-unmodified-since'].some((name) => headers[name] !== undefined)
}

/**
 * Judges a request's preconditions in the order of RFC 9110 section 13.2.2. A malformed date is ignored. A malformed list of
 * tags lets nothing be changed, and keeps nothing from being read.
 * @param current the version that the request meets, or null where the name is free
 */
export function judgePreconditions(
  headers: IncomingHttpHeaders,
  current: Validators | null,
  access: 'read' | 'change',
): Verdict {
  const ifMatch = headers['if-match']
  const ifNoneMatch = headers['if-none-match']
  if (ifMatch !== undefined) {
    const isNamed = names(ifMatch, current, (tag) => tag)
    if (isNamed !== true) return failed('If-Match', isNamed, 'does not name the ETag of what is there')
  } else if (isChangedSince(headers['if-unmodified-since'], current) === true) {
    return { kind: 'failed', detail: 'what is there is newer than If-Unmodified-Since' }
  }
  if (ifNoneMatch !== undefined) {
    const isNamed = names(ifNoneMatch, current, withoutWeakness)
    if (access === 'change' && isNamed !== false) return failed('If-None-Match', isNamed, 'names what is there')
    if (isNamed === true) return { kind: 'not-modified' }
  } else if (access === 'read' && isChangedSince(headers['if-modified-since'], current) === false) {
    return { kind: 'not-modified' }
  }
  return { kind: 'met' }
}

/**
 * Makes a judge of the preconditions of a request that ends a version. @returns a function that says why a version must not
 * be ended, or null
 */
export function objectionOf(headers: IncomingHttpHeaders): (version: Versioned) => StoreError | null {
  return (version) => {
    const verdict = judgePreconditions(headers, validatorsOf(version), 'change')
    return verdict.kind === 'failed' ? new StoreError('PRECONDITION_FAILED', verdict.detail) : null
  }
}

/**
 * Judges whether a range of this version goes with what the client has (section 13.1.5). A date never says so for certain,
 * because in one second a file can be deleted and its name taken again.
 */
export function isSameForRange(headers: IncomingHttpHeaders, { etag }: Validators): boolean {
  const ifRange = headers['if-range']
  return ifRange === undefined || ifRange === etag
}

/** @returns null where the header is neither `*` nor a list of tags */
function names(header: string, current: Validators | null, known: (tag: string) => string): boolean | null {
  if (header.trim() === '*') return current !== null
  // A comma in quotes belongs to a tag, and between commas there may be nothing.
  const tags = (header.match(/(?:"[^"]*"|[^",])+/g) ?? []).map((tag) => tag.trim()).filter((tag) => tag !== '')
  if (tags.length === 0 || !tags.every((tag) => entityTag.test(tag))) return null
  return current !== null && tags.some((tag) => known(tag) === current.etag)
}

function withoutWeakness(tag: string): string {
  return tag.replace(/^W\//, '')
}

/** @returns null where there is no date, or nothing that has one */
function isChangedSince(header: string | undefined, current: Validators | null): boolean | null {
  const since = header === undefined ? null : parseHttpDate(header.trim(), Date.now())
  return since === null || current === null ? null : current.lastModified > since
}

function failed(header: string, isNamed: boolean | null, reason: string): Verdict {
  return { kind: 'failed', detail: `${header} ${isNamed === null ? 'must be * or ETags in quotes' : reason}` }
}
