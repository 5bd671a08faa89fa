import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import { failpoint } from '@holdfast/shared/node/failpoint'
import type { Logger } from '@holdfast/shared/node/logger'
import { deleteCopy } from '../storage/delete-copy.ts'
import type { FileServerRegistry } from '../storage/registry.ts'
import type { FileRecord, Replica } from './file.model.ts'
import type { FileRecords } from './file-records.ts'
import type { Objection } from './preconditions.ts'

export interface DeleteParts {
  readonly registry: FileServerRegistry
  readonly records: FileRecords
}

export interface DeleteContext {
  readonly requestId: string
  readonly log: Logger
  /** To the version that is there. Default: none. */
  readonly objection?: Objection
}

/**
 * Makes the file invisible, then lets its bytes go: at once on file-servers that are connected, through upkeep on the
 * others. The answer does not wait for the bytes. @throws FILE_NOT_FOUND, the objection
 */
export async function deleteFile(
  parts: DeleteParts,
  name: FileName,
  { requestId, log, objection }: DeleteContext,
): Promise<FileRecord> {
  await failpoint?.('manager.before-delete')
  const record = await parts.records.markDeleted(name, objection)
  if (record === null) throw new StoreError('FILE_NOT_FOUND')
  await failpoint?.('manager.after-delete')
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
  const all = record.chunks.flatMap((chunk) => chunk.replicas)
  const gone: Replica[] = []
  for (const replica of all) {
    const link = registry.find(replica.server)
    if (link === undefined) continue
    const { copyId, slot } = replica
    await failpoint?.('manager.before-copy-delete')
    const existed = await deleteCopy(link, { copyId, slot, requestId })
    if (existed) registry.count(link.id, -1)
    gone.push(replica)
  }
  await failpoint?.('manager.before-forget')
  if (gone.length === all.length) await records.forget(record._id)
  else for (const replica of gone) await records.forgetReplica(record._id, replica)
  return gone.length
}
