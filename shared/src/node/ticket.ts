import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Digest } from '../ids.ts'

/** Managers take tickets for this; a file-server takes those for its own id. */
export const MANAGER_TICKET = 'manager'

/** The clocks of whoever issues a ticket and whoever takes it may differ by so much. */
export const TICKET_SKEW_SECONDS = 300

const FORM = /^v1\.(0|[1-9]\d{0,11})\.[A-Za-z0-9_-]{43}$/

/** A ticket is for one request and for no other. */
export interface TicketRequest {
  readonly method: string
  /** This is the target as it is sent, percent-encoded and with its query. */
  readonly path: string
  /** This is the SHA-256 of the whole body, `bodyDigest('')` where there is none. */
  readonly bodySha256: Digest
  /** Says who is asked: MANAGER_TICKET or a file-server's id. */
  readonly server: string
}

/** Says why a ticket is not taken: `other` is one for another request, or by another secret. */
export type TicketProblem = 'malformed' | 'other' | 'expired'

/**
 * Signs one request with the cluster's secret, by HMAC-SHA-256 (RFC 2104). Whoever has the ticket can send that request, as often
 * as they like until it expires.
 *
 * @param expiresAt in whole seconds since 1970
 * @returns `v1.<expiresAt>.<MAC in base64url>`, which travels as `Authorization: Bearer <ticket>` (RFC 6750)
 */
export function issueTicket(secret: string, request: TicketRequest, expiresAt: number): string {
  const { method, path, bodySha256, server } = request
  // A key of its own, so that no ticket is a proof of the handshake, nor the other way round.
  const key = createHmac('sha256', secret).update('holdfast ticket 1').digest()
  const text = JSON.stringify([method, path, bodySha256, server, expiresAt])
  return `v1.${expiresAt}.${createHmac('sha256', key).update(text).digest('base64url')}`
}

/**
 * Says what is wrong with a ticket whatever it is for, which shows before a body has come. Nothing it says is proven.
 *
 * @param nowSeconds since 1970
 */
export function findFormProblem(ticket: string, nowSeconds: number): Exclude<TicketProblem, 'other'> | null {
  const expiry = FORM.exec(ticket)?.[1]
  if (expiry === undefined) return 'malformed'
  return nowSeconds > Number(expiry) + TICKET_SKEW_SECONDS ? 'expired' : null
}

/**
 * @param nowSeconds since 1970
 * @returns null where the ticket is for this very request and has not expired
 */
export function findTicketProblem(
  ticket: string,
  secret: string,
  request: TicketRequest,
  nowSeconds: number,
): TicketProblem | null {
  const expiry = FORM.exec(ticket)?.[1]
  if (expiry === undefined) return 'malformed'
  const expiresAt = Number(expiry)
  // The texts are compared, not the bytes they stand for, of which base64url has several spellings.
  const expected = Buffer.from(issueTicket(secret, request, expiresAt))
  const given = Buffer.from(ticket)
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return 'other'
  return nowSeconds > expiresAt + TICKET_SKEW_SECONDS ? 'expired' : null
}

/** @returns what an `Authorization` header of the scheme Bearer carries, or null where it is none */
export function readBearer(authorization: string | undefined): string | null {
  return /^Bearer +([\w.~+/=-]+) *$/i.exec(authorization ?? '')?.[1] ?? null
}

export function bodyDigest(body: string | Uint8Array): Digest {
  return createHash('sha256').update(body).digest('hex') as Digest
}
