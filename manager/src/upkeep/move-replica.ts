import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileId, ServerId } from '@holdfast/shared/ids'
import { failpoint } from '@holdfast/shared/node/failpoint'
import { type PlacedChunk, partsOf, proofOfPart, type Replica } from '../chunks/chunk.ts'
import type { FileServerLink } from '../chunks/links/file-server-link.ts'
import { PartBuffers } from '../chunks/reading/part-buffers.ts'
import { readPart } from '../chunks/reading/read-part.ts'
import type { FileServerRegistry } from '../chunks/registry.ts'
import type { ChunkWriter } from '../chunks/writing/chunk-writer.ts'
import { deleteReplica, discardCopies } from '../chunks/writing/delete-copy.ts'
import { transferCopy } from '../chunks/writing/transfer-copy.ts'
import type { Holder } from '../files/file.model.ts'
import type { HolderRecords } from '../files/holder-records.ts'

export interface MoveDeps {
  readonly registry: FileServerRegistry
  readonly holders: HolderRecords
  readonly writer: ChunkWriter
}

const REQUEST_ID = 'rebalance'

/**
 * Moves a replica of a chunk to another file-server. It copies it, reads the whole new copy, puts it in the other's place in
 * the record, and only then deletes the old copy, which is leaving meanwhile. At every moment the record names a whole copy
 * that counts, and nothing comes back from leaving. @returns whether it was moved
 */
export async function moveReplica(
  deps: MoveDeps,
  holder: Holder,
  place: PlacedChunk,
  { from, to }: { readonly from: ServerId; readonly to: ServerId },
  signal: AbortSignal,
): Promise<boolean> {
  const { registry, holders, writer } = deps
  const { chunk, number } = place
  const old = chunk.replicas.find((replica) => replica.server === from)
  const [source, target] = [registry.find(from), registry.find(to)]
  if (old === undefined || source === undefined || target === undefined) return false
  // Two replicas of a chunk on one file-server would be lost together.
  if (chunk.replicas.some((replica) => replica.server === to)) return false

  const newCopyId = writer.copyIds.next(holder._id.toHexString() as FileId, number)
  using _place = registry.reserveOn(target, chunk.size)
  const named = { copyId: old.copyId, slot: old.slot, sha256: chunk.sha256 }
  const copy = await transferCopy(source, target, { from: named, to: newCopyId, sizeBytes: chunk.size }, signal)
  const fresh: Replica = { server: to, slot: copy.slot, copyId: copy.copyId }
  registry.count(to, 1)
  try {
    await verifyCopy(place, fresh, target)
  } catch (error) {
    discardCopies(registry, [fresh], REQUEST_ID)
    throw error
  }

  await failpoint?.('manager.before-switch')
  // Where the outcome is unknown this throws, and both copies stay. The record names one of them, or both.
  if (!(await holders.replaceReplica(holder, place, { from: old, to: fresh }))) {
    await deleteReplica(registry, fresh, REQUEST_ID)
    return false
  }
  await failpoint?.('manager.after-switch')
  await removeLeaving(deps, holder, old)
  return true
}

/** Deletes a copy that is leaving, then what names it. */
export async function removeLeaving(
  { registry, holders }: Pick<MoveDeps, 'registry' | 'holders'>,
  holder: Pick<Holder, '_id'>,
  copy: Replica,
): Promise<void> {
  await failpoint?.('manager.before-source-delete')
  await deleteReplica(registry, copy, REQUEST_ID)
  await holders.forgetLeaving(holder, copy)
}

async function verifyCopy(place: PlacedChunk, { copyId, slot }: Replica, target: FileServerLink): Promise<void> {
  const { size, sha256 } = place.chunk
  const buffers = new PartBuffers()
  // A chunk by itself is read as a file that begins with it.
  for (const { index, offset, length } of partsOf([place], { start: 0, end: size })) {
    const proof = proofOfPart(place, index)
    const span = { sizeBytes: size, offset, length, requestId: REQUEST_ID, method: proof.method, buffers }
    const { digest, giveBack } = await readPart(target, { copyId, slot, sha256 }, span)
    if (!digest.equals(proof.digest)) throw new StoreError('DIGEST_MISMATCH')
    giveBack()
  }
}
