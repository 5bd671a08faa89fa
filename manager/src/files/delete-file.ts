import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import type { Logger } from '@holdfast/shared/node/logger'
import { deleteCopy } from '../storage/delete-copy.ts'
import type { FileServerRegistry } from '../storage/registry.ts'
import type { FileRecord } from './file.model.ts'
import type { FileRecords } from './file-records.ts'

export interface DeleteParts {
  readonly registry: FileServerRegistry
  readonly records: FileRecords
}

/**
 * Makes the file invisible, then lets its bytes go: at once on file-servers that are connected, through upkeep on the
 * others. The answer does not wait for the bytes. @throws FILE_NOT_FOUND
 */
export async function deleteFile(
  parts: DeleteParts,
  name: FileName,
  { requestId, log }: { readonly requestId: string; readonly log: Logger },
): Promise<FileRecord> {
  const record = await parts.records.markDeleted(name)
  if (record === null) throw new StoreError('FILE_NOT_FOUND')
  removeReplicas(parts, record, requestId).catch((error: unknown) =>
    log.debug({ fileId: record._id, err: error }, 'bytes stay until upkeep comes'),
  )
  return record
}

/** Removes the copies of a deleted file that can be reached. @returns how many are gone */
export async function removeReplicas(
  { registry, records }: DeleteParts,
  record: FileRecord,
  requestId: string,
): Promise<number> {
  let goneCount = 0
  for (const replica of record.chunks.flatMap((chunk) => chunk.replicas)) {
    const link = registry.find(replica.server)
    if (link === undefined) continue
    const { copyId, slot } = replica
    const existed = await deleteCopy(link, { copyId, slot, requestId })
    if (existed) registry.count(link.id, -1)
    await records.forgetReplica(record._id, replica)
    goneCount++
  }
  return goneCount
}
