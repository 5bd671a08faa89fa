import type { PartKey } from '@holdfast/shared/ids'
import { PART_BYTES } from '@holdfast/shared/limits'
import { digestPart } from '@holdfast/shared/node/part-digest'
import { expect, test } from 'vitest'
import { PartTagger } from '../../../src/store/tree/part-tagger.ts'

const key = '0123456789abcdef'.repeat(2) as PartKey

test.each([0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES, 2 * PART_BYTES + 77])(
  'tags a copy of %i bytes part by part, whatever the pieces',
  (sizeBytes) => {
    const bytes = Buffer.alloc(sizeBytes)
    for (let at = 0; at < sizeBytes; at += 4093) bytes[at] = at % 251
    const tags: Buffer[] = []
    for (let at = 0; at < sizeBytes; at += PART_BYTES)
      tags.push(digestPart({ key, chunk: 5, index: tags.length }, bytes.subarray(at, at + PART_BYTES)))
    for (const pieceBytes of [sizeBytes || 1, 262_144, 1_000_003]) {
      const tagger = new PartTagger(key, 5)
      for (let at = 0; at < sizeBytes; at += pieceBytes) tagger.update(bytes.subarray(at, at + pieceBytes))
      const made = tagger.finish()
      expect(Buffer.concat(tags).equals(made)).toBe(true)
      expect(made.buffer.byteLength).toBe(made.length)
    }
  },
)
