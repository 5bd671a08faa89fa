import { createCipheriv, hash, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { PartKey } from '../../src/ids.ts'
import { digestPart, PART_TAG_BYTES, type PartMethod, startPart } from '../../src/node/part-digest.ts'

const newKey = (): PartKey => randomBytes(16).toString('hex') as PartKey
const bytes = randomBytes(100_003)

test.each<[string, PartMethod]>([
  ['by SHA-256', 'sha256'],
  ['to a tag', { key: newKey(), chunk: 0, index: 3 }],
])('a part is digested %s, whatever the pieces', (_, method) => {
  const whole = digestPart(method, bytes)
  for (const cuts of [[], [0], [1], [15, 16, 17, 17, 99_999], [50_000]]) {
    const digester = startPart(method)
    for (const [number, from] of [0, ...cuts].entries()) digester.update(bytes.subarray(from, cuts[number]))
    expect(digester.digest()).toEqual(whole)
  }
})

test('SHA-256 is SHA-256, and a tag is the one that AES-128-GCM gives of nothing, with the part beside it', () => {
  expect(digestPart('sha256', bytes)).toEqual(hash('sha256', bytes, 'buffer'))
  const key = newKey()
  const cipher = createCipheriv('aes-128-gcm', Buffer.from(key, 'hex'), Buffer.from('000000000000000300000007', 'hex'))
  cipher.setAAD(bytes).final()
  expect(digestPart({ key, chunk: 3, index: 7 }, bytes)).toEqual(cipher.getAuthTag())
})

/** The vectors are from McGrew and Viega, The Galois/Counter Mode of Operation, appendix B. */
test('of no bytes with a key of zeros the tag is that of the paper on GCM, test case 1', () => {
  const tag = digestPart({ key: '0'.repeat(32) as PartKey, chunk: 0, index: 0 }, Buffer.alloc(0))
  expect(tag.toString('hex')).toBe('58e2fccefa7e3061367f1d57a4e7455a')
})

test('another key, another place, another length or any other bit make another tag', () => {
  const key = newKey()
  const tag = digestPart({ key, chunk: 0, index: 0 }, bytes)
  expect(tag).toHaveLength(PART_TAG_BYTES)
  const others = [
    digestPart({ key: newKey(), chunk: 0, index: 0 }, bytes),
    digestPart({ key, chunk: 0, index: 1 }, bytes),
    digestPart({ key, chunk: 0, index: 2 ** 24 }, bytes),
    digestPart({ key, chunk: 1, index: 0 }, bytes),
    digestPart({ key, chunk: 0, index: 0 }, bytes.subarray(1)),
    digestPart({ key, chunk: 0, index: 0 }, bytes.subarray(0, -1)),
    digestPart({ key, chunk: 0, index: 0 }, Buffer.concat([bytes, Buffer.alloc(1)])),
  ]
  for (let bit = 0; bit < 500; bit++) {
    const changed = Buffer.from(bytes)
    const at = (bit * 7_919) % (bytes.length * 8)
    changed[at >> 3] = (changed[at >> 3] ?? 0) ^ (1 << (at & 7))
    others.push(digestPart({ key, chunk: 0, index: 0 }, changed))
  }
  expect(new Set([tag, ...others].map((each) => each.toString('hex'))).size).toBe(others.length + 1)
})
