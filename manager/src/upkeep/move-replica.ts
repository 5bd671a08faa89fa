import { randomBytes } from 'node:crypto'
import { hasErrorName, StoreError } from '@holdfast/shared/errors/store-error'
import { COPY_RANDOM_DIGITS, type FileId, makeCopyId, type ServerId } from '@holdfast/shared/ids'
import { PART_BYTES } from '@holdfast/shared/limits'
import { failpoint } from '@holdfast/shared/node/failpoint'
import { partsOf } from '../files/byte-range.ts'
import { type FileRecord, partProofOf, type Replica } from '../files/file.model.ts'
import type { FileRecords } from '../files/file-records.ts'
import type { ReplicaRecords } from '../files/replica-records.ts'
import { deleteCopy } from '../storage/delete-copy.ts'
import type { FileServerLink } from '../storage/file-server-link.ts'
import { readPart } from '../storage/read-part.ts'
import type { FileServerRegistry } from '../storage/registry.ts'
import { transferCopy } from '../storage/transfer-copy.ts'

export interface MoveParts {
  readonly registry: FileServerRegistry
  readonly records: FileRecords
  readonly replicas: ReplicaRecords
}

const REQUEST_ID = 'rebalance'

/**
 * Moves a file of class `single` to another file-server: copy, switch the record, read record and new copy again, and only
 * then delete the source. At every moment the record names a whole copy. @returns whether it was moved
 */
export async function moveReplica(
  parts: MoveParts,
  record: FileRecord,
  from: ServerId,
  to: ServerId,
  signal: AbortSignal,
): Promise<boolean> {
  const { registry, replicas } = parts
  const [chunk] = record.chunks
  const old = chunk?.replicas.find((replica) => replica.server === from)
  const [source, target] = [registry.find(from), registry.find(to)]
  if (chunk === undefined || old === undefined || source === undefined || target === undefined) return false

  const random = randomBytes(6).toString('hex').slice(0, COPY_RANDOM_DIGITS)
  const newCopyId = makeCopyId(record._id.toHexString() as FileId, 0, random)
  using _place = registry.reserveOn(target, chunk.size)
  const named = { copyId: old.copyId, slot: old.slot, sha256: chunk.sha256 }
  const copy = await transferCopy(source, target, { from: named, to: newCopyId, sizeBytes: chunk.size }, signal)
  const fresh: Replica = { server: to, slot: copy.slot, copyId: copy.copyId }

  await failpoint?.('manager.before-switch')
  // Where the outcome is unknown this throws, and both copies stay: reconcile finds out which one the record names.
  if (!(await replicas.switchReplica(record, old, fresh))) {
    await deleteCopy(target, { copyId: fresh.copyId, slot: fresh.slot, requestId: REQUEST_ID })
    return false
  }
  registry.count(to, 1)
  await failpoint?.('manager.after-switch')
  await confirm(parts, record, old, fresh, target)
  await failpoint?.('manager.before-source-delete')
  if (await deleteCopy(source, { copyId: old.copyId, slot: old.slot, requestId: REQUEST_ID })) registry.count(from, -1)
  return true
}

/** Reads record and new copy again. A new copy that is not right is given up: the record goes back to the source. */
async function confirm(
  { records, replicas }: MoveParts,
  planned: FileRecord,
  old: Replica,
  fresh: Replica,
  target: FileServerLink,
): Promise<void> {
  const current = await records.findLiveById(planned._id)
  if (current === null) throw new StoreError('FILE_NOT_FOUND', 'the file was deleted while it was moved')
  // Any other version: it was moved again, or upkeep elsewhere has given up the source, and there is no way back to it.
  if (current.version !== planned.version + 1) throw new StoreError('CANCELLED', 'the record was changed meanwhile')
  try {
    await verifyCopy(current, fresh, target)
  } catch (error) {
    if (hasErrorName(error, 'DIGEST_MISMATCH', 'COPY_NOT_FOUND', 'COPY_MISMATCH'))
      await replicas.switchReplica(current, fresh, old)
    throw error
  }
}

async function verifyCopy(record: FileRecord, replica: Replica, target: FileServerLink): Promise<void> {
  const named = { copyId: replica.copyId, slot: replica.slot, sha256: record.sha256 }
  for (const { index, offset, length } of partsOf({ start: 0, end: record.size }, record.size, PART_BYTES)) {
    const proof = partProofOf(record, index)
    const span = { sizeBytes: record.size, offset, length, requestId: REQUEST_ID, method: proof.method }
    const { digest } = await readPart(target, named, span)
    if (!digest.equals(proof.digest)) throw new StoreError('DIGEST_MISMATCH')
  }
}
