import { batch, computed, type ReadonlySignal, signal } from '@preact/signals'
import type { FileDescription, FileList } from '../api/answers.ts'
import { createPages } from '../api/pages.ts'
import { requestJson } from '../api/request.ts'
import { type FileRow, type ListQuery, rowOf } from './file-row.ts'
import { mergeRows } from './merge-rows.ts'
import type { Shares } from './shares.ts'

/** The first page is small, so that it is there at once. */
const FIRST_PAGE = 100
const NEXT_PAGES = 1_000

/** Lists what is there: the files with a path, of which pages are read as they are looked at, and this browser's shares. */
export function createFileList(shares: Shares) {
  const query = signal<ListQuery>({ search: '', sort: 'date', isDescending: true })
  const hidden = signal<ReadonlySet<string>>(new Set())

  async function readPage(cursor: string | null, signalToStop: AbortSignal) {
    const { search, sort, isDescending } = query.peek()
    const parameters = new URLSearchParams({
      sort,
      order: isDescending ? 'desc' : 'asc',
      limit: String(cursor === null ? FIRST_PAGE : NEXT_PAGES),
      ...(search !== '' && { q: search }),
      ...(cursor === null ? { count: 'true' } : { cursor }),
    })
    const page = await requestJson<FileList>(`/files?${parameters}`, { signal: signalToStop })
    return { rows: page.files.map(rowOf), next: page.next, total: page.total ?? null }
  }
  const pages = createPages<FileRow>(readPage, () => rows.peek().length)
  const { rows: files, total, next, status } = pages

  const rows: ReadonlySignal<readonly FileRow[]> = computed(() => {
    const isComplete = status.value.kind === 'ready' && next.value === null
    return mergeRows(files.value, shares.rows.value, query.value, isComplete, hidden.value)
  })
  /** Counts the rows, as far as their number is known. */
  const rowCount = computed(() => {
    if (next.value === null) return rows.value.length
    return Math.max(rows.value.length, rows.value.length - files.value.length + (total.value ?? files.value.length))
  })

  return {
    query: query as { readonly value: ListQuery },
    rows,
    rowCount,
    status,
    refresh: pages.refresh,
    want: pages.want,
    setQuery(change: Partial<ListQuery>): void {
      query.value = { ...query.peek(), ...change }
      pages.restart()
    },
    hide(id: string): void {
      hidden.value = new Set([...hidden.peek(), id])
    },
    show(id: string): void {
      hidden.value = new Set([...hidden.peek()].filter((one) => one !== id))
    },
    /** Takes the place of the row that is there. */
    replace(file: FileDescription): void {
      const row = rowOf(file)
      if (row.isShare) shares.keep(row)
      else files.value = files.peek().map((one) => (one.id === row.id ? row : one))
    },
    /** Drops a row whose file is gone. */
    drop(id: string): void {
      batch(() => {
        shares.forget(id)
        if (files.peek().some((row) => row.id === id)) {
          files.value = files.peek().filter((row) => row.id !== id)
          if (total.peek() !== null) total.value = (total.peek() ?? 1) - 1
        }
      })
    },
  }
}

export type FileListStore = ReturnType<typeof createFileList>
