import { randomBytes } from 'node:crypto'
import { COPY_RANDOM_DIGITS, type CopyId, type FileId, makeCopyId } from '@holdfast/shared/ids'

/** Makes a copyId that no other test uses, of a file's first chunk. Where no file is given, it is a file of its own. */
export function newCopyId(fileId = randomBytes(12).toString('hex') as FileId): CopyId {
  return makeCopyId(fileId, 0, randomBytes(COPY_RANDOM_DIGITS).toString('hex').slice(0, COPY_RANDOM_DIGITS))
}
