import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import { failpoint } from '@holdfast/shared/node/failpoint'
import type { Logger } from '@holdfast/shared/node/logger'
import type { Replica } from '../chunks/chunk.ts'
import type { FileServerRegistry } from '../chunks/registry.ts'
import { deleteReplica } from '../chunks/writing/delete-copy.ts'
import { copiesOf, type FileRecord } from './file.model.ts'
import type { FileRecords } from './file-records.ts'
import type { Objection } from './record-groups.ts'

/** So many deletes of one file's copies are under way at once. */
const AT_ONCE = 16

export interface DeleteDeps {
  readonly registry: FileServerRegistry
  readonly records: FileRecords
}

export interface DeleteContext {
  readonly requestId: string
  readonly log: Logger
  /** It may object to the version that is there. Without it no version is objected to. */
  readonly objection?: Objection
}

/**
 * Makes the file invisible, then lets its bytes go: at once on file-servers that are connected, through upkeep on the others.
 * The answer does not wait for the bytes. @throws FILE_NOT_FOUND, the objection
 */
export async function deleteFile(
  deps: DeleteDeps,
  name: FileName,
  { requestId, log, objection }: DeleteContext,
): Promise<FileRecord> {
  await failpoint?.('manager.before-delete')
  const record = await deps.records.markDeleted(name, objection)
  if (record === null) throw new StoreError('FILE_NOT_FOUND')
  await failpoint?.('manager.after-delete')
  removeCopies(deps, record, requestId).catch((error: unknown) =>
    log.debug({ fileId: record._id, err: error }, 'bytes stay until upkeep comes'),
  )
  return record
}

/** Removes the copies of a deleted file that can be reached. @returns how many are gone */
export async function removeCopies(deps: DeleteDeps, record: FileRecord, requestId: string): Promise<number> {
  const { registry, records } = deps
  const all = copiesOf(record)
  const waiting = all.filter(({ server }) => registry.find(server) !== undefined)
  const gone: Replica[] = []
  const remove = async (): Promise<void> => {
    for (let replica = waiting.pop(); replica !== undefined; replica = waiting.pop()) {
      await failpoint?.('manager.before-copy-delete')
      await deleteReplica(registry, replica, requestId)
      gone.push(replica)
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, waiting.length) }, remove))
  await failpoint?.('manager.before-forget')
  if (gone.length === all.length) await records.forget(record._id)
  else for (const replica of gone) await records.forgetReplica(record._id, replica)
  return gone.length
}
