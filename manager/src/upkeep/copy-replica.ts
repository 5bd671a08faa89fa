import { hasErrorName, StoreError } from '@holdfast/shared/errors/store-error'
import type { CopyId, FileId } from '@holdfast/shared/ids'
import { INLINE_MAX_BYTES, PART_BYTES } from '@holdfast/shared/limits'
import type { BufferPool } from '@holdfast/shared/wire/buffer-pool'
import type { StoredCopy } from '@holdfast/shared/wire/shapes'
import { type PartSpan, type PlacedChunk, partsOf, proofOfPart, type Replica } from '../chunks/chunk.ts'
import type { FileServerLink } from '../chunks/links/file-server-link.ts'
import { type PartRead, readPart } from '../chunks/reading/read-part.ts'
import type { FileServerRegistry } from '../chunks/registry.ts'
import type { ChunkWriter } from '../chunks/writing/chunk-writer.ts'
import { copyDeadlineMs } from '../chunks/writing/copy-deadline.ts'
import { discardCopies } from '../chunks/writing/delete-copy.ts'
import type { DirectTransfers } from '../chunks/writing/direct-transfers.ts'
import { type CopySource, storeCopy } from '../chunks/writing/store-copy.ts'
import { transferCopy } from '../chunks/writing/transfer-copy.ts'
import type { Holder } from '../files/file.model.ts'

export interface CopyDeps {
  readonly registry: FileServerRegistry
  readonly writer: ChunkWriter
  readonly direct: DirectTransfers
  /** All copies of one manager's upkeep are read into these. */
  readonly buffers: BufferPool
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
  { registry, writer, direct, buffers }: CopyDeps,
  holder: Pick<Holder, '_id'>,
  place: PlacedChunk,
  { from, source, target }: CopyWay,
  signal: AbortSignal,
): Promise<Replica> {
  const { size, sha256 } = place.chunk
  const nextId = (): CopyId => writer.copyIds.next(holder._id.toHexString() as FileId, place.number)
  using _place = registry.reserveOn(target, size)
  const transfer = { from: { copyId: from.copyId, slot: from.slot, sha256 }, sizeBytes: size }
  const relay = (): Promise<StoredCopy> =>
    size <= PART_BYTES
      ? copyPart(buffers, place, { from, source, target }, nextId(), signal)
      : transferCopy(source, target, { ...transfer, to: nextId() }, signal)
  // Small ones share messages and a sync where the manager relays them, and each would need a request of its own elsewhere.
  const fetched =
    size > INLINE_MAX_BYTES ? await direct.copy(source, target, { ...transfer, to: nextId() }, signal) : null
  const stored = fetched ?? (await relay())
  const fresh: Replica = { server: target.id, slot: stored.slot, copyId: stored.copyId }
  registry.count(target.id, 1)
  try {
    await verifyCopy(buffers, place, fresh, target, signal)
  } catch (error) {
    discardCopies(registry, [fresh], REQUEST_ID)
    throw error
  }
  return fresh
}

/**
 * Has a whole copy read: by its file-server, or by this manager where it fits into a message that it shares with others.
 * @throws DIGEST_MISMATCH, COPY_MISMATCH, COPY_NOT_FOUND where it is not what it should be
 */
async function verifyCopy(
  buffers: BufferPool,
  place: PlacedChunk,
  replica: Replica,
  link: FileServerLink,
  signal: AbortSignal,
): Promise<void> {
  const { size, sha256 } = place.chunk
  if (size > INLINE_MAX_BYTES) {
    const named = { copyId: replica.copyId, slot: replica.slot, sha256, sizeBytes: size }
    await link.call('verify-file', named, { signal, deadlineMs: copyDeadlineMs(size) })
    return
  }
  // A chunk by itself is read as a file that begins with it.
  for (const { index, offset, length } of partsOf([place], { start: 0, end: size })) {
    signal.throwIfAborted()
    const { giveBack } = await readSound(buffers, place, replica, link, { index, offset, length }, signal)
    giveBack()
  }
}

/**
 * Reads a whole copy to judge it. One that its disk does not give is missing, which it is no more once it can be read. @throws
 * where the file-server does not answer for it: then nothing is known
 */
export async function judgeCopy(
  buffers: BufferPool,
  place: PlacedChunk,
  replica: Replica,
  link: FileServerLink,
  signal: AbortSignal,
): Promise<'sound' | NonNullable<Replica['bad']>> {
  try {
    await verifyCopy(buffers, place, replica, link, signal)
    return 'sound'
  } catch (error) {
    if (hasErrorName(error, 'COPY_NOT_FOUND', 'DISK_FAILED')) return 'missing'
    if (hasErrorName(error, 'DIGEST_MISMATCH', 'COPY_MISMATCH')) return 'damaged'
    throw error
  }
}

/** Copies a chunk that is no larger than a part, which is in memory meanwhile. A small one shares messages and a sync. */
async function copyPart(
  buffers: BufferPool,
  place: PlacedChunk,
  { from, source, target }: CopyWay,
  to: CopyId,
  signal: AbortSignal,
): Promise<StoredCopy> {
  const { size, sha256 } = place.chunk
  const span = { index: 0, offset: 0, length: size }
  const { bytes, giveBack } = await readSound(buffers, place, from, source, span, signal)
  const order = { copyId: to, encoding: 'binary' as const, sizeBytes: size, sha256, requestId: REQUEST_ID }
  const whole = (async function* () {
    yield bytes
  })()
  const isSmall = size <= INLINE_MAX_BYTES
  const sent: CopySource = isSmall ? { kind: 'inline', bytes } : { kind: 'stream', chunks: whole, partKey: null }
  const stored = await storeCopy(target, order, sent, { signal })
  // What was not acknowledged may still be read from the memory, so it is given back only here.
  giveBack()
  return stored
}

/** Reads a part of a copy. @throws DIGEST_MISMATCH where the bytes are not the right ones */
async function readSound(
  buffers: BufferPool,
  place: PlacedChunk,
  { copyId, slot }: Replica,
  link: FileServerLink,
  { index, offset, length }: Pick<PartSpan, 'index' | 'offset' | 'length'>,
  signal: AbortSignal,
): Promise<PartRead> {
  const { size, sha256 } = place.chunk
  const proof = proofOfPart(place, index)
  const span = { sizeBytes: size, offset, length, requestId: REQUEST_ID, method: proof.method, buffers }
  const read = await readPart(link, { copyId, slot, sha256 }, span, { signal })
  if (!read.digest.equals(proof.digest)) throw new StoreError('DIGEST_MISMATCH')
  return read
}
