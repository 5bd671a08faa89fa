import type { FileDescription } from '../api/answers.ts'

export interface FileRow
  extends Pick<FileDescription, 'id' | 'name' | 'size' | 'contentType' | 'url' | 'uploadedAt' | 'expiresAt'> {
  /** It has no path, and only those know it who have its link. */
  readonly isShare: boolean
}

export type SortKey = 'name' | 'size' | 'date'

export interface ListQuery {
  readonly search: string
  readonly sort: SortKey
  readonly isDescending: boolean
}

export function rowOf(file: FileDescription): FileRow {
  const { id, name, size, contentType, url, uploadedAt, expiresAt } = file
  return { id, name, size, contentType, url, uploadedAt, expiresAt, isShare: id.length === 32 }
}

export function isOver({ expiresAt }: Pick<FileRow, 'expiresAt'>): boolean {
  return expiresAt !== null && Date.parse(expiresAt) <= Date.now()
}

/** The page may load nothing from anywhere else, so the manager has to send the bytes itself (DIRECT_DOWNLOADS). */
export function bytesUrl({ url, isShare }: Pick<FileRow, 'url' | 'isShare'>): string {
  return isShare ? `${url}?direct=false` : url
}

/** Orders rows as the manager does: by the value, then by the name. */
export function comparatorOf({ sort, isDescending }: ListQuery): (a: FileRow, b: FileRow) => number {
  const sign = isDescending ? -1 : 1
  return (a, b) => sign * (valueOrder(sort, a, b) || textOrder(a.name, b.name) || textOrder(a.id, b.id))
}

function valueOrder(sort: SortKey, a: FileRow, b: FileRow): number {
  switch (sort) {
    case 'name':
      return 0
    case 'size':
      return a.size - b.size
    case 'date':
      return textOrder(a.uploadedAt, b.uploadedAt)
    default:
      return sort satisfies never
  }
}

function textOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
