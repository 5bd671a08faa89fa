import type { CopyId, Slot } from '@holdfast/shared/ids'
import type { FileServerLink } from './file-server-link.ts'

/** @param slot null where the ack of the upload never came. @returns whether the copy was there */
export async function deleteCopy(
  link: FileServerLink,
  copy: { readonly copyId: CopyId; readonly slot: Slot | null; readonly requestId: string },
): Promise<boolean> {
  const { copyId, slot, requestId } = copy
  return (await link.call('delete-file', { copyId, slot, requestId })).existed
}
