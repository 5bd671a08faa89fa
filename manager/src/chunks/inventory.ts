import { StoreError } from '@holdfast/shared/errors/store-error'
import { INVENTORY_PAGE } from '@holdfast/shared/limits'
import type { CopyPage, InventoryCursor, NamedCopy } from '@holdfast/shared/wire/shapes'
import type { FileServerLink } from './links/file-server-link.ts'

export function listCopies(link: FileServerLink, cursor: InventoryCursor, signal?: AbortSignal): Promise<CopyPage> {
  return link.call('list-copies', { cursor, limit: INVENTORY_PAGE }, { signal })
}

/**
 * Starts the clock of copies that no record names. The file-server keeps it, so that it outlives this manager. @returns
 * milliseconds since the file-server was first told of each copy, in order
 */
export async function suspectCopies(link: FileServerLink, copies: readonly NamedCopy[]): Promise<readonly number[]> {
  const { agesMs } = await link.call('suspect-copies', { copies })
  if (agesMs.length !== copies.length) throw new StoreError('BAD_ANSWER', 'suspect-copies: unexpected ack')
  return agesMs
}

export async function moveCopy(
  link: FileServerLink,
  command: 'quarantine-file' | 'restore-file' | 'discard-file',
  copy: NamedCopy,
): Promise<void> {
  const { copyId, slot, sha256 } = copy
  await link.call(command, { copyId, slot, sha256 })
}
