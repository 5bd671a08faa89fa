import type { CopyId, Digest, PartKey, ServerId, Slot } from '@holdfast/shared/ids'
import { PART_BYTES } from '@holdfast/shared/limits'
import { PART_TAG_BYTES, type PartMethod } from '@holdfast/shared/node/part-digest'

/** A replica is one stored copy of a chunk. */
export interface Replica {
  readonly server: ServerId
  readonly slot: Slot
  readonly copyId: CopyId
  /** A bad replica does not count: its file-server had other bytes, or none. Upkeep replaces it. */
  readonly bad?: 'damaged' | 'missing'
}

/** A chunk is immutable bytes on file-servers, and the unit of placement, replication and repair. */
export interface Chunk {
  readonly size: number
  readonly sha256: Digest
  readonly replicas: readonly Replica[]
  /** These copies do not count. They are named until they are deleted, so that reconcile does not take them for orphans. */
  readonly leaving?: readonly Replica[]
  /**
   * Each of its parts has a tag of 16 bytes here, where it came in frames, or is of class `replicated` and larger than a
   * message. Any other one is verified by its sha-256.
   */
  readonly tags?: Buffer
  /** Every change of the replicas raises it, and so does whoever has to stop a change that is under way elsewhere. */
  readonly version: number
}

/** Has a chunk together with what follows from its place in its holder. */
export interface PlacedChunk {
  /** This is the chunk's place in its holder, from 0. */
  readonly number: number
  readonly chunk: Chunk
  /** The tags of the holder's parts are made with this key. It is undefined where none has a tag. */
  readonly partKey: PartKey | undefined
}

/** Has the tags of all parts of a chunk, and the key that they are made with. */
export interface PartTags {
  readonly key: PartKey
  readonly tags: Buffer
}

/** @returns null where the chunk is verified by its sha-256 alone */
export function tagsOf({ chunk: { tags }, partKey }: Pick<PlacedChunk, 'chunk' | 'partKey'>): PartTags | null {
  if (tags === undefined || partKey === undefined) return null
  // The database's driver returns a Binary, of which only these three fields are a Buffer's.
  const { buffer, byteOffset, byteLength } = tags
  return { key: partKey, tags: Buffer.from(buffer, byteOffset, byteLength) }
}

/** A part of a chunk is verified by this. */
export interface PartProof {
  readonly method: PartMethod
  /** The method has to come to this. It is empty, which no digest is, for a part that the chunk does not have. */
  readonly digest: Buffer
}

/** @param index the part's place in its chunk, from 0 */
export function proofOfPart(place: PlacedChunk, index: number): PartProof {
  const { number, chunk } = place
  const known = tagsOf(place)
  if (known === null)
    return { method: 'sha256', digest: index === 0 ? Buffer.from(chunk.sha256, 'hex') : Buffer.alloc(0) }
  return {
    method: { key: known.key, chunk: number, index },
    digest: known.tags.subarray(index * PART_TAG_BYTES, (index + 1) * PART_TAG_BYTES),
  }
}

/** A range wants these bytes of a part of a chunk. */
export interface PartSpan {
  readonly place: PlacedChunk
  /** This is the part's place in its chunk, from 0. */
  readonly index: number
  /** The part begins at this byte of its chunk. */
  readonly offset: number
  readonly length: number
  /** The range wants the bytes `from` to `to` of the part, `to` not included. */
  readonly from: number
  readonly to: number
}

/** A span holds the bytes `start` to `end` of a file, `end` not included. */
export interface ByteSpan {
  readonly start: number
  readonly end: number
}

/** Lists the parts that hold a span of a file. Parts are read whole, because a part can only be verified whole. */
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
