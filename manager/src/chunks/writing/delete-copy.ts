import { StoreError } from '@holdfast/shared/errors/store-error'
import type { CopyId, Slot } from '@holdfast/shared/ids'
import type { Replica } from '../chunk.ts'
import type { FileServerLink } from '../links/file-server-link.ts'
import type { FileServerRegistry } from '../registry.ts'

/** @param slot null where the ack of the upload never came. @returns whether the copy was there */
export async function deleteCopy(
  link: FileServerLink,
  copy: { readonly copyId: CopyId; readonly slot: Slot | null; readonly requestId: string },
): Promise<boolean> {
  const { copyId, slot, requestId } = copy
  return (await link.call('delete-file', { copyId, slot, requestId })).existed
}

/** Deletes a copy that a record names, or named. @throws LINK_LOST where its file-server is not connected */
export async function deleteReplica(registry: FileServerRegistry, replica: Replica, requestId: string): Promise<void> {
  const { server, copyId, slot } = replica
  const link = registry.find(server)
  if (link === undefined) throw new StoreError('LINK_LOST')
  if (await deleteCopy(link, { copyId, slot, requestId })) registry.count(server, -1)
}

/** Deletes copies that no record names. Nobody waits for it, because upkeep finds the orphans where it fails. */
export function discardCopies(registry: FileServerRegistry, replicas: readonly Replica[], requestId: string): void {
  for (const replica of replicas) deleteReplica(registry, replica, requestId).catch(() => undefined)
}
