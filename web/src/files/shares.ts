import { signal } from '@preact/signals'
import type { FileDescription } from '../api/answers.ts'
import { type FileRow, isOver, rowOf } from './file-row.ts'

/** Each share has an entry of its own, so that tabs do not overwrite what others have stored. */
const PREFIX = 'holdfast.share.'

/** Keeps the shares that this browser has made. Only an operator lists those of others, for whoever knows a link can read the file. */
export function createShares(storage: Storage) {
  const rows = signal<readonly FileRow[]>(readAll(storage))
  addEventListener('storage', ({ key }) => {
    if (key === null || key.startsWith(PREFIX)) rows.value = readAll(storage)
  })

  return {
    rows: rows as { readonly value: readonly FileRow[] },
    /** @returns whether the browser has room for it */
    keep(row: FileRow): boolean {
      rows.value = [...rows.value.filter(({ id }) => id !== row.id), row]
      try {
        storage.setItem(PREFIX + row.id, JSON.stringify(row))
        return true
      } catch {
        return false
      }
    },
    forget(id: string): void {
      storage.removeItem(PREFIX + id)
      rows.value = rows.value.filter((row) => row.id !== id)
    },
  }
}

export type Shares = ReturnType<typeof createShares>

/** Removes the entries that are over, or are no shares, because the browser has room for a few megabytes only. */
function readAll(storage: Storage): FileRow[] {
  const rows: FileRow[] = []
  const useless: string[] = []
  for (let index = 0; index < storage.length; index++) {
    const key = storage.key(index)
    if (key === null || !key.startsWith(PREFIX)) continue
    const row = parseShare(storage.getItem(key))
    if (row === null || isOver(row)) useless.push(key)
    else rows.push(row)
  }
  // A key that is removed changes the indexes of others, so that the loop would miss some.
  for (const key of useless) storage.removeItem(key)
  return rows
}

/** What is stored in a browser may come from another version, or from its user. */
export function parseShare(text: string | null): FileRow | null {
  try {
    const { id, name, size, contentType, uploadedAt, expiresAt } = JSON.parse(text ?? '') as Partial<FileDescription>
    if (typeof id !== 'string' || !/^[0-9a-f]{32}$/.test(id) || typeof name !== 'string') return null
    if (typeof size !== 'number' || typeof contentType !== 'string') return null
    if (Number.isNaN(Date.parse(String(uploadedAt)))) return null
    const row = { id, name, size, contentType, url: `/download/${id}`, uploadedAt: String(uploadedAt) }
    return { ...rowOf(row as FileDescription), expiresAt: typeof expiresAt === 'string' ? expiresAt : null }
  } catch {
    return null
  }
}
