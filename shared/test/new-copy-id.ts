import { randomBytes } from 'node:crypto'
import { COPY_RANDOM_DIGITS, type CopyId, type FileId, makeCopyId } from '@holdfast/shared/ids'

/** A copyId that no other test uses: of a file's first chunk, of a file of its own where none is given. */
export function newCopyId(fileId = randomBytes(12).toString('hex') as FileId): CopyId {
  return makeCopyId(fileId, 0, randomBytes(COPY_RANDOM_DIGITS).toString('hex').slice(0, COPY_RANDOM_DIGITS))
}
