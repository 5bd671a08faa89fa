import { hasErrorName, StoreError } from '@holdfast/shared/errors/store-error'
import type { FileId } from '@holdfast/shared/ids'
import { INLINE_MAX_BYTES } from '@holdfast/shared/limits'
import { type PlacedChunk, partsOf, proofOfPart, type Replica } from '../chunks/chunk.ts'
import type { FileServerLink } from '../chunks/links/file-server-link.ts'
import { PartBuffers } from '../chunks/reading/part-buffers.ts'
import { readPart } from '../chunks/reading/read-part.ts'
import type { FileServerRegistry } from '../chunks/registry.ts'
import type { ChunkWriter } from '../chunks/writing/chunk-writer.ts'
import { discardCopies } from '../chunks/writing/delete-copy.ts'
import { storeCopy } from '../chunks/writing/store-copy.ts'
import { transferCopy } from '../chunks/writing/transfer-copy.ts'
import type { Holder } from '../files/file.model.ts'

export interface CopyDeps {
  readonly registry: FileServerRegistry
  readonly writer: ChunkWriter
}

/** Says which copy is read, on which file-server, and where the other one goes. */
export interface CopyWay {
  readonly from: Replica
  readonly source: FileServerLink
  readonly target: FileServerLink
}

const REQUEST_ID = 'upkeep'

/**
 * Copies a replica of a chunk to another file-server under a new copyId, and reads the whole new copy. Where that fails
 * nothing of it stays. @throws DIGEST_MISMATCH, COPY_MISMATCH, COPY_NOT_FOUND where one of the two copies is bad
 */
export async function copyReplica(
  { registry, writer }: CopyDeps,
  holder: Pick<Holder, '_id'>,
  place: PlacedChunk,
  { from, source, target }: CopyWay,
  signal: AbortSignal,
): Promise<Replica> {
  const { size, sha256 } = place.chunk
  const to = writer.copyIds.next(holder._id.toHexString() as FileId, place.number)
  using _place = registry.reserveOn(target, size)
  const stored =
    size <= INLINE_MAX_BYTES
      ? await storeCopy(
          target,
          { copyId: to, encoding: 'binary', sizeBytes: size, sha256, requestId: REQUEST_ID },
          { kind: 'inline', bytes: await readSmallCopy(place, from, source, signal) },
          { signal },
        )
      : await transferCopy(
          source,
          target,
          { from: { copyId: from.copyId, slot: from.slot, sha256 }, to, sizeBytes: size },
          signal,
        )
  const fresh: Replica = { server: target.id, slot: stored.slot, copyId: stored.copyId }
  registry.count(target.id, 1)
  try {
    await verifyCopy(place, fresh, target, signal)
  } catch (error) {
    discardCopies(registry, [fresh], REQUEST_ID)
    throw error
  }
  return fresh
}

/** Reads a whole copy. @throws DIGEST_MISMATCH, COPY_MISMATCH, COPY_NOT_FOUND where it is not what it should be */
export async function verifyCopy(
  place: PlacedChunk,
  { copyId, slot }: Replica,
  target: FileServerLink,
  signal: AbortSignal,
): Promise<void> {
  const { size, sha256 } = place.chunk
  const buffers = new PartBuffers()
  // A chunk by itself is read as a file that begins with it.
  for (const { index, offset, length } of partsOf([place], { start: 0, end: size })) {
    signal.throwIfAborted()
    const proof = proofOfPart(place, index)
    const span = { sizeBytes: size, offset, length, requestId: REQUEST_ID, method: proof.method, buffers }
    const { digest, giveBack } = await readPart(target, { copyId, slot, sha256 }, span, { signal })
    if (!digest.equals(proof.digest)) throw new StoreError('DIGEST_MISMATCH')
    giveBack()
  }
}

/** Reads a whole copy to judge it. @throws where the file-server does not answer for it: then nothing is known */
export async function judgeCopy(
  place: PlacedChunk,
  replica: Replica,
  link: FileServerLink,
  signal: AbortSignal,
): Promise<'sound' | NonNullable<Replica['bad']>> {
  try {
    await verifyCopy(place, replica, link, signal)
    return 'sound'
  } catch (error) {
    if (hasErrorName(error, 'COPY_NOT_FOUND')) return 'missing'
    if (hasErrorName(error, 'DIGEST_MISMATCH', 'COPY_MISMATCH')) return 'damaged'
    throw error
  }
}

/** @returns the bytes of a chunk that fits into a message */
async function readSmallCopy(
  { chunk: { size, sha256 } }: PlacedChunk,
  { copyId, slot }: Replica,
  source: FileServerLink,
  signal: AbortSignal,
): Promise<Buffer> {
  const span = { sizeBytes: size, offset: 0, length: size, requestId: REQUEST_ID }
  const { bytes, digest } = await readPart(source, { copyId, slot, sha256 }, span, { signal })
  if (digest.toString('hex') !== sha256) throw new StoreError('DIGEST_MISMATCH')
  return bytes
}
