import { createHash } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { type CopyId, chunkNumberOf, type Digest, type PartKey } from '@holdfast/shared/ids'
import { FRAME_BYTES, PART_BYTES } from '@holdfast/shared/limits'
import type { ByteRange } from '@holdfast/shared/node/byte-range'
import { digestPart, PART_TAG_BYTES } from '@holdfast/shared/node/part-digest'
import type { NamedCopy } from '@holdfast/shared/wire/shapes'
import type { CopyReader } from '../store/store.ts'

/** A record has the tags of a large copy's parts, and the key that they are made with. */
export interface PartTags {
  readonly key: PartKey
  readonly tags: Uint8Array
}

/** Asks a manager for the tags of a copy. @returns null where it has none, or nobody can be asked */
export type TagsOf = (copyId: CopyId) => Promise<PartTags | null>

/**
 * Gives the bytes `start` to `end` of a copy, a part at a time, each verified before it is handed out: by its tag, or by the
 * copy's sha-256 where the copy is one part. A larger one that has no tags is read as a whole first.
 * @throws DIGEST_MISMATCH
 */
export async function* verifiedParts(
  reader: CopyReader,
  copy: NamedCopy,
  { start, end }: ByteRange,
  tagsOf: TagsOf,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const { sizeBytes } = reader
  const isOnePart = sizeBytes <= PART_BYTES
  const known = isOnePart ? null : await tagsOf(copy.copyId)
  // An empty copy has no part that would be compared, and of a copy that was cut between two parts all others are right.
  if (sizeBytes === 0 || (!isOnePart && known === null)) await requireDigest(reader, copy.sha256, signal)
  if (known !== null && known.tags.length !== Math.ceil(sizeBytes / PART_BYTES) * PART_TAG_BYTES)
    throw new StoreError('DIGEST_MISMATCH')
  for (let index = Math.floor(start / PART_BYTES); index * PART_BYTES < end; index++) {
    const offset = index * PART_BYTES
    // The last part may still be on its way to the client, so each has memory of its own.
    const part = Buffer.allocUnsafeSlow(Math.min(PART_BYTES, sizeBytes - offset))
    await reader.read(offset, part)
    if (isOnePart) requireSame(digestPart('sha256', part), Buffer.from(copy.sha256, 'hex'))
    else if (known !== null) {
      const method = { key: known.key, chunk: chunkNumberOf(copy.copyId), index }
      requireSame(digestPart(method, part), known.tags.subarray(index * PART_TAG_BYTES, (index + 1) * PART_TAG_BYTES))
    }
    yield part.subarray(Math.max(0, start - offset), end - offset)
  }
}

/** Reads a whole copy, unless the signal fires meanwhile. @throws DIGEST_MISMATCH, and the signal's reason */
export async function requireDigest(reader: CopyReader, sha256: Digest, signal?: AbortSignal): Promise<void> {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafeSlow(Math.min(FRAME_BYTES, reader.sizeBytes))
  for (let offset = 0; offset < reader.sizeBytes; offset += buffer.length) {
    signal?.throwIfAborted()
    const piece = buffer.subarray(0, reader.sizeBytes - offset)
    await reader.read(offset, piece)
    hash.update(piece)
  }
  if (hash.digest('hex') !== sha256) throw new StoreError('DIGEST_MISMATCH')
}

function requireSame(digest: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(digest, expected) !== 0) throw new StoreError('DIGEST_MISMATCH')
}
