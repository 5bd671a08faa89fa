import { createHash } from 'node:crypto'
import { PART_BYTES } from '@holdfast/shared/limits'
import { PartHasher } from '@holdfast/shared/node/part-hasher'
import { describe, expect, it } from 'vitest'

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()

describe('PartHasher', () => {
  it.each([0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES, 2 * PART_BYTES + 77])(
    'hashes a body of %i bytes as a whole and by parts, whatever the pieces',
    (sizeBytes) => {
      const body = Buffer.alloc(sizeBytes)
      for (let at = 0; at < sizeBytes; at += 4093) body[at] = at % 251
      for (const pieceBytes of [sizeBytes || 1, 262_144, 1_000_003]) {
        const hasher = new PartHasher()
        for (let at = 0; at < sizeBytes; at += pieceBytes) hasher.update(body.subarray(at, at + pieceBytes))
        const parts: Buffer[] = []
        for (let at = 0; at < sizeBytes; at += PART_BYTES) parts.push(sha256(body.subarray(at, at + PART_BYTES)))
        const hashed = hasher.finish()
        expect(hashed.sizeBytes).toBe(sizeBytes)
        expect(hashed.sha256).toBe(sha256(body).toString('hex'))
        expect(hashed.partDigests.equals(Buffer.concat(parts))).toBe(true)
      }
    },
  )
})
