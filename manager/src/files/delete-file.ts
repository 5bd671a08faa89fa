import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import type { ServerId } from '@holdfast/shared/ids'
import { failpoint } from '@holdfast/shared/node/failpoint'
import type { Logger } from '@holdfast/shared/node/logger'
import type { Types } from 'mongoose'
import type { Replica } from '../chunks/chunk.ts'
import type { FileServerRegistry } from '../chunks/registry.ts'
import { deleteReplica } from '../chunks/writing/delete-copy.ts'
import { copiesOf, type FileRecord } from './file.model.ts'
import type { FileRecords } from './file-records.ts'
import type { Objection } from './record-groups.ts'

/** At most this many deletes of one file's copies are under way at once. */
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
  return ended(deps, record, { requestId, log })
}

/** Does the same for a file that is known by its id. @throws FILE_NOT_FOUND */
export async function deleteFileById(
  deps: DeleteDeps,
  id: Types.ObjectId,
  context: Omit<DeleteContext, 'objection'>,
): Promise<FileRecord> {
  return ended(deps, await deps.records.markDeletedById(id), context)
}

async function ended(
  deps: DeleteDeps,
  record: FileRecord | null,
  { requestId, log }: Omit<DeleteContext, 'objection'>,
): Promise<FileRecord> {
  if (record === null) throw new StoreError('FILE_NOT_FOUND')
  await failpoint?.('manager.after-delete')
  removeCopies(deps, record, requestId).catch((error: unknown) =>
    log.debug({ fileId: record._id, err: error }, 'bytes stay until upkeep comes'),
  )
  return record
}

/**
 * Removes the copies of a deleted file that can be reached. One that fails keeps none of the others, nor what names them.
 * @param on the only file-server to remove them from, unless it is every one. @returns how many are gone. @throws the first failure
 */
export async function removeCopies(
  deps: DeleteDeps,
  record: FileRecord,
  requestId: string,
  on?: ServerId,
): Promise<number> {
  const { registry, records } = deps
  // Those of its extents follow by garbage collection.
  if (record.extents !== undefined) await records.ended.endExtents(record)
  const all = copiesOf(record)
  const waiting = all.filter(({ server }) => (on === undefined || server === on) && registry.find(server) !== undefined)
  const gone: Replica[] = []
  const failures: unknown[] = []
  const remove = async (): Promise<void> => {
    for (let replica = waiting.pop(); replica !== undefined; replica = waiting.pop()) {
      await failpoint?.('manager.before-copy-delete')
      try {
        await deleteReplica(registry, replica, requestId)
        gone.push(replica)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, waiting.length) }, remove))
  await failpoint?.('manager.before-forget')
  if (gone.length === all.length) await records.ended.forget(record._id)
  else await records.ended.forgetReplicas(record._id, gone)
  if (failures.length > 0) throw failures[0]
  return gone.length
}
