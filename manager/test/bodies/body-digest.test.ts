import { createHash } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { expect, test } from 'vitest'
import { announcedDigests, verifyPassing, verifyWhole } from '../../src/bodies/body-digest.ts'
import { failureOf } from './scan.ts'

const body = Buffer.from('hello')
const digest = createHash('sha256').update(body).digest()
const base64 = digest.toString('base64')

test.each([
  ['no header', {}, 0],
  ['an empty dictionary', { 'content-digest': '' }, 0],
  ['a Content-Digest', { 'content-digest': `sha-256=:${base64}:` }, 1],
  ['a Repr-Digest', { 'repr-digest': `sha-256=:${base64}:` }, 1],
  ['both', { 'content-digest': `sha-256=:${base64}:`, 'repr-digest': `sha-256=:${base64}:` }, 2],
  ['another algorithm', { 'content-digest': 'sha-512=:AAAA:' }, 0],
  ['several algorithms', { 'content-digest': `sha-512=:AAAA:, sha-256=:${base64}:;x=1,unixsum=30637` }, 1],
  ['a later member of the same name', { 'content-digest': `sha-256=:AAAA:, sha-256=:${base64}:` }, 1],
  ['the older Digest header', { digest: `SHA-256=${base64}` }, 0],
])('finds the sha-256 in %s', (_, headers, count) => {
  expect(announcedDigests(headers)).toEqual(Array.from({ length: count }, () => digest))
})

test.each([
  `sha-256=${base64}`,
  `sha-256="${base64}"`,
  `sha-256=${digest.toString('hex')}`,
  `sha-256=:${digest.toString('hex')}:`,
  `sha-256=:${base64.slice(0, 40)}:`,
  `sha-256=:${base64}`,
  `sha-256=:${base64}:,`,
  'sha-256',
  'sha-256=::',
  `SHA-256=:${base64}:`,
  `sha-256=(:${base64}:)`,
  ':',
  '\u00ff',
])('refuses %s', (value) => {
  const read = () => announcedDigests({ 'repr-digest': value })
  expect(read).toThrow(
    expect.objectContaining({ name: 'INVALID_REQUEST', detail: expect.stringMatching(/^Repr-Digest/) }),
  )
})

async function* inPieces(): AsyncGenerator<Buffer> {
  yield body.subarray(0, 2)
  yield body.subarray(2)
}

test('passes bytes on, and ends only where every digest is theirs', async () => {
  const pieces: Buffer[] = []
  for await (const piece of verifyPassing(inPieces(), [digest, digest])) pieces.push(piece)
  expect(Buffer.concat(pieces)).toEqual(body)
  verifyWhole(body, [digest])
  verifyWhole(body, [])

  const wrong = Buffer.alloc(32)
  const seen: Buffer[] = []
  const read = async () => {
    for await (const piece of verifyPassing(inPieces(), [digest, wrong])) seen.push(piece)
  }
  expect(await failureOf(read())).toBe('DIGEST_MISMATCH')
  expect(Buffer.concat(seen)).toEqual(body)
  expect(() => verifyWhole(body, [digest, wrong])).toThrow(StoreError)
})
