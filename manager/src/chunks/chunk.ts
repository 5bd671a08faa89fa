import type { CopyId, Digest, PartKey, ServerId, Slot } from '@holdfast/shared/ids'
import { PART_BYTES } from '@holdfast/shared/limits'
import { PART_TAG_BYTES, type PartMethod } from '@holdfast/shared/node/part-digest'

/** One stored copy of a chunk. */
export interface Replica {
  readonly server: ServerId
  readonly slot: Slot
  readonly copyId: CopyId
}

/** Immutable bytes on file-servers: the unit of placement, replication and repair. */
export interface Chunk {
  /** Bytes. */
  readonly size: number
  readonly sha256: Digest
  readonly replicas: readonly Replica[]
  /** Copies that no longer count. They are named until they are deleted, so that reconcile does not take them for orphans. */
  readonly leaving?: readonly Replica[]
  /** Where the chunk came in frames: the tag of each of its parts, 16 bytes each. A smaller one is verified by its sha-256. */
  readonly tags?: Buffer
  /** Every change of the replicas raises it, and so does whoever stops such a change that is under way elsewhere. */
  readonly version: number
}

/** A chunk with what is known of it by its place in a file. */
export interface PlacedChunk {
  /** The chunk's place among those of its file, from 0. */
  readonly number: number
  readonly chunk: Chunk
  /** The key of the file's tags; undefined where the file has none. */
  readonly partKey: PartKey | undefined
}

/** What a part of a chunk is verified by. */
export interface PartProof {
  readonly method: PartMethod
  /** What the method has to come to. It is empty, which no digest is, for a part that the chunk does not have. */
  readonly digest: Buffer
}

/** @param index of the part in its chunk */
export function proofOfPart({ number, chunk, partKey }: PlacedChunk, index: number): PartProof {
  if (chunk.tags === undefined || partKey === undefined)
    return { method: 'sha256', digest: index === 0 ? Buffer.from(chunk.sha256, 'hex') : Buffer.alloc(0) }
  // The database's driver returns a Binary, of which only these three fields are a Buffer's.
  const { buffer, byteOffset, byteLength } = chunk.tags
  const tags = Buffer.from(buffer, byteOffset, byteLength)
  return {
    method: { key: partKey, chunk: number, index },
    digest: tags.subarray(index * PART_TAG_BYTES, (index + 1) * PART_TAG_BYTES),
  }
}

/** A part of a chunk, and what of it a range wants. Bytes. */
export interface PartSpan {
  readonly place: PlacedChunk
  /** The part's place in its chunk, from 0. */
  readonly index: number
  /** Where the part begins in its chunk. */
  readonly offset: number
  readonly length: number
  /** What is wanted, within the part. */
  readonly from: number
  readonly to: number
}

/** Bytes `start` to `end` of a file, `end` not included. */
export interface ByteSpan {
  readonly start: number
  readonly end: number
}

/** The parts that hold a span of a file. A part is read and verified whole. */
export function partsOf(
  chunks: readonly PlacedChunk[],
  { start, end }: ByteSpan,
  partBytes: number = PART_BYTES,
): PartSpan[] {
  const spans: PartSpan[] = []
  let chunkStart = 0
  for (const place of chunks) {
    const { size } = place.chunk
    const [first, last] = [Math.max(0, start - chunkStart), Math.min(size, end - chunkStart)]
    chunkStart += size
    if (first >= last) continue
    for (let index = Math.floor(first / partBytes); index * partBytes < last; index++) {
      const offset = index * partBytes
      const length = Math.min(partBytes, size - offset)
      spans.push({
        place,
        index,
        offset,
        length,
        from: Math.max(0, first - offset),
        to: Math.min(length, last - offset),
      })
    }
  }
  return spans
}
