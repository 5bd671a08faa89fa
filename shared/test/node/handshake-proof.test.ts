import { isProof, makeProof } from '@holdfast/shared/node/handshake-proof'
import { expect, test } from 'vitest'

const secret = 'the secret of the cluster'
const transcript = {
  protocol: 1,
  serverId: 'a'.repeat(16),
  bootId: 'b'.repeat(16),
  serverNonce: 'c'.repeat(32),
  managerId: 'd'.repeat(16),
  managerNonce: 'e'.repeat(32),
  clusterId: 'f'.repeat(16),
}

test.each(['manager', 'file-server'] as const)('believes the proof of a %s that knows the secret', (role) => {
  expect(isProof(makeProof(secret, role, transcript), secret, role, transcript)).toBe(true)
})

test('makes the proof that any HMAC-SHA-256 makes, and does not show the secret', () => {
  const proof = makeProof(secret, 'manager', transcript)
  expect(proof).toMatch(/^[0-9a-f]{64}$/)
  expect(proof).not.toContain(Buffer.from(secret).toString('hex'))
})

test('does not believe a proof sent back to its maker', () => {
  expect(isProof(makeProof(secret, 'manager', transcript), secret, 'file-server', transcript)).toBe(false)
})

test('does not believe a proof made with another secret', () => {
  expect(isProof(makeProof(`${secret}.`, 'manager', transcript), secret, 'manager', transcript)).toBe(false)
})

test.each(Object.keys(transcript) as (keyof typeof transcript)[])(
  'does not believe a proof made for another %s',
  (key) => {
    const other = { ...transcript, [key]: key === 'protocol' ? 2 : '0'.repeat(String(transcript[key]).length) }
    expect(isProof(makeProof(secret, 'manager', other), secret, 'manager', transcript)).toBe(false)
  },
)

test.each(['', 'x', '0'.repeat(64), 'é'.repeat(64), '0'.repeat(100_000)])('does not believe %j', (given) => {
  expect(isProof(given, secret, 'manager', transcript)).toBe(false)
})

test('does not believe its own proof in capitals or with something behind it', () => {
  const proof = makeProof(secret, 'manager', transcript)
  expect(isProof(proof.toUpperCase(), secret, 'manager', transcript)).toBe(false)
  expect(isProof(`${proof} `, secret, 'manager', transcript)).toBe(false)
})
