import type { ServerId } from '@holdfast/shared/ids'
import { failpoint } from '@holdfast/shared/node/failpoint'
import type { Logger } from '@holdfast/shared/node/logger'
import type { PlacedChunk, Replica } from '../chunks/chunk.ts'
import { deleteReplica } from '../chunks/writing/delete-copy.ts'
import type { Holder } from '../files/file.model.ts'
import type { HolderRecords } from '../files/holder-records.ts'
import { type CopyDeps, copyReplica } from './copy-replica.ts'

export interface MoveDeps extends CopyDeps {
  readonly holders: HolderRecords
  readonly log: Logger
}

const REQUEST_ID = 'upkeep'

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
  const { registry, holders, log } = deps
  const { chunk, number } = place
  const old = chunk.replicas.find((replica) => replica.server === from && replica.bad === undefined)
  const [source, target] = [registry.find(from), registry.find(to)]
  if (old === undefined || source === undefined || target === undefined) return false
  // Two replicas of a chunk on one file-server would be lost together.
  if (chunk.replicas.some((replica) => replica.server === to)) return false

  const fresh = await copyReplica(deps, holder, place, { from: old, source, target }, signal)
  await failpoint?.('manager.before-switch')
  // Where the outcome is unknown this throws, and both copies stay. The record names one of them, or both.
  if (!(await holders.replaceReplica(holder, place, { from: old, to: fresh }))) {
    await deleteReplica(registry, fresh, REQUEST_ID)
    return false
  }
  await failpoint?.('manager.after-switch')
  // The replica is moved, whatever becomes of the old copy: garbage collection finds it by the record.
  await removeLeaving(deps, holder, [old]).catch((error: unknown) =>
    log.debug({ fileId: holder._id, chunk: number, serverId: from, err: error }, 'old copy stays until upkeep comes'),
  )
  return true
}

/** Deletes copies that are leaving, then what names those that are gone. @returns how many are. @throws the first failure */
export async function removeLeaving(
  { registry, holders }: Pick<MoveDeps, 'registry' | 'holders'>,
  holder: Pick<Holder, '_id'>,
  copies: readonly Replica[],
): Promise<number> {
  const gone: Replica[] = []
  try {
    for (const copy of copies) {
      await failpoint?.('manager.before-source-delete')
      await deleteReplica(registry, copy, REQUEST_ID)
      gone.push(copy)
    }
  } finally {
    await holders.removals.forgetLeaving(holder, gone)
  }
  return gone.length
}
