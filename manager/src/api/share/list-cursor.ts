import { StoreError } from '@holdfast/shared/errors/store-error'
import { type FileName, parseFileName } from '@holdfast/shared/file-name'
import { type FileId, isFileId } from '@holdfast/shared/ids'
import type { FileRecord } from '../../files/file.model.ts'
import type { ListWish } from '../../files/file-records.ts'

const FILE_ID_DIGITS = 24

/** A page ends with this file, and the next one begins after it. */
export function writeCursor({ _id, name }: Pick<FileRecord, '_id' | 'name'>): string {
  return Buffer.from(_id.toHexString() + name).toString('base64url')
}

/** @throws INVALID_REQUEST where it is none that a list gave */
export function parseCursor(cursor: string | undefined): ListWish['after'] {
  if (cursor === undefined) return null
  const text = Buffer.from(cursor, 'base64url').toString()
  const [id, name] = [text.slice(0, FILE_ID_DIGITS), text.slice(FILE_ID_DIGITS)]
  if (!isFileId(id)) throw new StoreError('INVALID_REQUEST', 'cursor is none that a list gave')
  return { id: id satisfies FileId, name: parseFileName(name) satisfies FileName }
}
