import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * Both sides have seen all of this by the time they prove themselves. The nonces make a proof useless for any other
 * connection.
 */
export interface Transcript {
  readonly protocol: number
  readonly serverId: string
  readonly bootId: string
  readonly serverNonce: string
  readonly managerId: string
  readonly managerNonce: string
  readonly clusterId: string
}

/**
 * The role keeps a proof from being sent back to its maker. @returns the HMAC-SHA-256 (RFC 2104) over role and transcript, 64
 * hex digits
 */
export function makeProof(secret: string, role: 'manager' | 'file-server', transcript: Transcript): string {
  const { protocol, serverId, bootId, serverNonce, managerId, managerNonce, clusterId } = transcript
  const text = ['holdfast', role, protocol, serverId, bootId, serverNonce, managerId, managerNonce, clusterId].join('|')
  return createHmac('sha256', secret).update(text).digest('hex')
}

export function isProof(
  given: string,
  secret: string,
  role: 'manager' | 'file-server',
  transcript: Transcript,
): boolean {
  const expected = Buffer.from(makeProof(secret, role, transcript))
  const actual = Buffer.from(given)
  return actual.length === expected.length && timingSafeEqual(actual, expected)
}
