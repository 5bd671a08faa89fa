import type { CopyId, Slot } from '@holdfast/shared/ids'
import { parseAck, wireSchemas } from '@holdfast/shared/wire/command-schemas'
import type { FileServerLink } from '../links/file-server-link.ts'

const DELETE_DEADLINE_MS = 15_000

/** @param slot null where the ack of the upload never came. @returns whether the copy was there */
export async function deleteCopy(
  link: FileServerLink,
  copy: { readonly copyId: CopyId; readonly slot: Slot | null; readonly requestId: string },
): Promise<boolean> {
  const { copyId, slot, requestId } = copy
  const ack = await link.callGrouped('delete-file', { copyId, slot, requestId }, null, DELETE_DEADLINE_MS)
  return parseAck(wireSchemas.deleteAck, ack.result).existed
}
