import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MerkleHasher } from '../../../src/peers/torrents/merkle-hasher.ts'
import { trackedHashesOf } from '../../../src/peers/torrents/metainfo.ts'
import { PieceHasher } from '../../../src/peers/torrents/piece-hasher.ts'
import { libtorrentVectors } from './libtorrent-vectors.ts'

const KIB = 1024
const sha256 = (...bytes: Uint8Array[]) => createHash('sha256').update(Buffer.concat(bytes)).digest()
const LONGEST = Math.max(400 * KIB, ...libtorrentVectors.map(({ size }) => size))
/** What the files of the vectors hold. */
const content = Buffer.from(Uint8Array.from({ length: LONGEST }, (_, index) => index % 251))
const bytesOf = (size: number) => content.subarray(0, size)

function hash(bytes: Buffer, pieceLength: number, cutAt: readonly number[] = []) {
  const hashers = [new MerkleHasher(pieceLength), new PieceHasher(pieceLength)] as const
  let start = 0
  for (const end of [...cutAt, bytes.length]) {
    for (const hasher of hashers) hasher.update(bytes.subarray(start, end))
    start = end
  }
  const [merkle, pieces] = [hashers[0].digest(), hashers[1].digest()]
  return { name: 'für elise.bin', size: bytes.length, pieceLength, pieces, merkle }
}

test.each(libtorrentVectors)(
  'a file of $size bytes in pieces of $pieceLength is what libtorrent makes of it',
  (vector) => {
    const info = hash(bytesOf(vector.size), vector.pieceLength)
    const { root, layer } = info.merkle
    expect(root.toString('hex')).toBe(vector.root)
    expect(layer.length === 0 ? '' : sha256(layer).toString('hex')).toBe(vector.layer)
    expect(trackedHashesOf(info)).toEqual([vector.v1, vector.v2.slice(0, 40)])
  },
)

test('only a file of more than one piece has a layer, with a digest for each piece', () => {
  for (const [size, pieces] of [
    [1, 0],
    [32 * KIB, 0],
    [32 * KIB + 1, 2],
    [96 * KIB, 3],
    [96 * KIB + 1, 4],
  ] as const)
    expect(hash(bytesOf(size), 32 * KIB).merkle.layer).toHaveLength(32 * pieces)
})

test('the root is that of a tree over all blocks, however the bytes come', () => {
  /** As BEP 52 says it: the blocks, filled up to a power of two, and pairs of them until one is left. */
  const rootOf = (bytes: Buffer): Buffer => {
    let level: Buffer[] = []
    for (let start = 0; start < bytes.length; start += 16 * KIB)
      level.push(sha256(bytes.subarray(start, start + 16 * KIB)))
    while (!Number.isInteger(Math.log2(level.length))) level.push(Buffer.alloc(32))
    while (level.length > 1)
      level = level.flatMap((left, index) => (index % 2 === 0 ? [sha256(left, level[index + 1] ?? left)] : []))
    return level[0] ?? Buffer.alloc(0)
  }
  const sizes = fc.integer({ min: 1, max: 400 * KIB })
  const cuts = fc.array(fc.nat(400 * KIB), { maxLength: 6 })
  fc.assert(
    fc.property(sizes, cuts, fc.constantFrom(16, 32, 64, 128), (size, cutAt, kib) => {
      const bytes = bytesOf(size)
      const sorted = cutAt.filter((at) => at <= size).sort((one, other) => one - other)
      expect(hash(bytes, kib * KIB, sorted).merkle.root).toEqual(rootOf(bytes))
    }),
    { numRuns: 20 },
  )
})
