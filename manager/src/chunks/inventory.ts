import { StoreError } from '@holdfast/shared/errors/store-error'
import { INVENTORY_PAGE } from '@holdfast/shared/limits'
import { parseAck, wireSchemas } from '@holdfast/shared/wire/command-schemas'
import type { CopyPage, InventoryCursor, NamedCopy } from '@holdfast/shared/wire/events'
import type { FileServerLink } from './links/file-server-link.ts'

/** Loading the leaves of a page may mean listing many directories on a slow disk. */
const PAGE_DEADLINE_MS = 60_000
const COMMAND_DEADLINE_MS = 15_000

export async function listCopies(
  link: FileServerLink,
  cursor: InventoryCursor,
  signal?: AbortSignal,
): Promise<CopyPage> {
  const options = { deadlineMs: PAGE_DEADLINE_MS, signal }
  return parseAck(wireSchemas.copyPage, await link.call('list-copies', [{ cursor, limit: INVENTORY_PAGE }], options))
}

/** Milliseconds since the file-server was first told of each copy, in order. */
export async function suspectCopies(link: FileServerLink, copies: readonly NamedCopy[]): Promise<readonly number[]> {
  const ack = await link.call('suspect-copies', [{ copies }], { deadlineMs: COMMAND_DEADLINE_MS })
  const { agesMs } = parseAck(wireSchemas.suspectAck, ack)
  if (agesMs.length !== copies.length) throw new StoreError('BAD_ANSWER', 'suspect-copies: unexpected ack')
  return agesMs
}

export async function moveCopy(
  link: FileServerLink,
  command: 'quarantine-file' | 'restore-file' | 'discard-file',
  copy: NamedCopy,
): Promise<void> {
  const { copyId, slot, sha256 } = copy
  await link.call(command, [{ copyId, slot, sha256 }], { deadlineMs: COMMAND_DEADLINE_MS })
}
