import { StoreError } from '@holdfast/shared/errors/store-error'
import { parseFileName } from '@holdfast/shared/file-name'
import { isFileId } from '@holdfast/shared/ids'
import type { FileRecord } from '../../files/file.model.ts'
import type { ListOrder, ListPlace } from '../../files/list-query.ts'

/** It has the id, then the value that the list is ordered by where that is not the name, then the name, which may be anything. */
const cursorText = /^([0-9a-f]{24})(?:(size|date)(\d{1,16}) )?\n(.*)$/su

/** A page ends with this file, and the next one begins after it. */
export function writeCursor(
  { _id, name, size, createdAt }: Pick<FileRecord, '_id' | 'name' | 'size' | 'createdAt'>,
  order: ListOrder,
): string {
  const value = order === 'name' ? '' : `${order}${order === 'size' ? size : createdAt.getTime()} `
  return Buffer.from(`${_id.toHexString()}${value}\n${name}`).toString('base64url')
}

/** @throws INVALID_REQUEST where it is none that a list in this order gave */
export function parseCursor(cursor: string | undefined, order: ListOrder): ListPlace | null {
  if (cursor === undefined) return null
  const [, id = '', given = 'name', value, name = ''] =
    cursorText.exec(Buffer.from(cursor, 'base64url').toString()) ?? []
  if (!isFileId(id) || given !== order)
    throw new StoreError('INVALID_REQUEST', 'cursor is none that a list in this order gave')
  return { id, name: parseFileName(name), value: value === undefined ? null : Number(value) }
}
