import type { CopyId, Digest, PartKey, ServerId, Slot } from '@holdfast/shared/ids'
import { digestPart } from '@holdfast/shared/node/part-digest'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Chunk, type PlacedChunk, partsOf, proofOfPart } from '../../src/chunks/chunk.ts'

const replica = { server: 'a'.repeat(16) as ServerId, slot: 0 as Slot, copyId: 'c'.repeat(40) as CopyId }
const chunkOf = (size: number, fields: Partial<Chunk> = {}): Chunk => ({
  size,
  sha256: 'cd'.repeat(32) as Digest,
  replicas: [replica],
  version: 0,
  ...fields,
})
const placesOf = (sizes: readonly number[]): PlacedChunk[] =>
  sizes.map((size, number) => ({ number, chunk: chunkOf(size), partKey: undefined }))

test('the parts of a range, cut to what is wanted of each, are exactly the range, however many chunks the file has', () => {
  const property = fc.property(
    fc.array(fc.integer({ min: 0, max: 120 }), { minLength: 0, maxLength: 6 }),
    fc.integer({ min: 1, max: 64 }),
    fc.nat(300),
    fc.nat(300),
    (sizes, partBytes, a, b) => {
      const sizeBytes = sizes.reduce((sum, size) => sum + size, 0)
      const [start = 0, end = 0] = [Math.min(a, sizeBytes), Math.min(b, sizeBytes)].sort((x, y) => x - y)
      const file = Buffer.from(Array.from({ length: sizeBytes }, (_, index) => index % 251))
      const starts = sizes.map((_, number) => sizes.slice(0, number).reduce((sum, size) => sum + size, 0))
      const spans = partsOf(placesOf(sizes), { start, end }, partBytes)
      const wanted = spans.map(({ place, offset, length, from, to }) => {
        const at = (starts[place.number] ?? 0) + offset
        return file.subarray(at, at + length).subarray(from, to)
      })
      expect(Buffer.concat(wanted).equals(file.subarray(start, end))).toBe(true)
      for (const { place, index, offset, length, from, to } of spans) {
        expect(offset).toBe(index * partBytes)
        expect(length).toBe(Math.min(partBytes, place.chunk.size - offset))
        expect(to).toBeGreaterThan(from)
      }
    },
  )
  fc.assert(property, { numRuns: 300 })
})

test('a chunk without tags is verified by its sha-256, and has one part', () => {
  const place: PlacedChunk = { number: 0, chunk: chunkOf(5), partKey: undefined }
  expect(proofOfPart(place, 0)).toEqual({ method: 'sha256', digest: Buffer.from('cd'.repeat(32), 'hex') })
  expect(proofOfPart(place, 1).digest).toHaveLength(0)
})

test('each part of each chunk has a proof of its own, and a part that is not there has none', () => {
  const partKey = '7'.repeat(32) as PartKey
  const tag = (chunk: number, index: number): Buffer => digestPart({ key: partKey, chunk, index }, Buffer.from('same'))
  const proofs = [0, 1].flatMap((number) => {
    const chunk = chunkOf(8, { tags: Buffer.concat([tag(number, 0), tag(number, 1)]) })
    return [0, 1, 2].map((index) => proofOfPart({ number, chunk, partKey }, index))
  })
  const digests = proofs.map(({ digest }) => digest.toString('hex'))
  expect([digests[2], digests[5]]).toEqual(['', ''])
  expect(new Set(digests).size).toBe(5)
  expect(proofs[4]).toEqual({ method: { key: partKey, chunk: 1, index: 1 }, digest: tag(1, 1) })
})
