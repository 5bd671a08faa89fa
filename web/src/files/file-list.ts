import { batch, computed, signal } from '@preact/signals'
import type { FileDescription, FileList } from '../api/answers.ts'
import { messageOf, requestJson } from '../api/request.ts'
import { type FileRow, type ListQuery, rowOf } from './file-row.ts'
import { mergeRows } from './merge-rows.ts'
import type { Shares } from './shares.ts'

/** The first page is small, so that it is there at once. */
const FIRST_PAGE = 100
const NEXT_PAGES = 1_000
/** So many rows are read ahead of what is looked at. */
const AHEAD = 300

type Status = { readonly kind: 'loading' | 'ready' } | { readonly kind: 'failed'; readonly why: string }

/** What is there: the files with a path, of which pages are read as they are looked at, and this browser's shares. */
export function createFileList(shares: Shares) {
  const query = signal<ListQuery>({ search: '', sort: 'date', isDescending: true })
  const files = signal<readonly FileRow[]>([])
  const total = signal<number | null>(null)
  const next = signal<string | null>(null)
  const status = signal<Status>({ kind: 'loading' })
  const hidden = signal<ReadonlySet<string>>(new Set())
  let reading: AbortController | null = null
  let wantedIndex = 0

  const rows = computed(() => {
    const isComplete = status.value.kind === 'ready' && next.value === null
    return mergeRows(files.value, shares.rows.value, query.value, isComplete, hidden.value)
  })
  /** So many rows there are, as far as it is known. */
  const rowCount = computed(() => {
    if (next.value === null) return rows.value.length
    return Math.max(rows.value.length, rows.value.length - files.value.length + (total.value ?? files.value.length))
  })

  async function read(signalToStop: AbortController, cursor: string | null): Promise<void> {
    const { search, sort, isDescending } = query.peek()
    const parameters = new URLSearchParams({
      sort,
      order: isDescending ? 'desc' : 'asc',
      limit: String(cursor === null ? FIRST_PAGE : NEXT_PAGES),
      ...(search !== '' && { q: search }),
      ...(cursor === null ? { count: 'true' } : { cursor }),
    })
    const page = await requestJson<FileList>(`/files?${parameters}`, { signal: signalToStop.signal })
    if (signalToStop.signal.aborted) return
    batch(() => {
      files.value = cursor === null ? page.files.map(rowOf) : files.peek().concat(page.files.map(rowOf))
      if (cursor === null) total.value = page.total ?? null
      next.value = page.next
      status.value = { kind: 'ready' }
    })
  }

  /** Reads pages one after the other until the wanted row is there. */
  async function readOn(first: boolean): Promise<void> {
    if (!first && reading !== null) return
    reading?.abort()
    const own = new AbortController()
    reading = own
    try {
      if (first) await read(own, null)
      while (!own.signal.aborted && next.peek() !== null && wantedIndex + AHEAD > rows.peek().length)
        await read(own, next.peek())
    } catch (error) {
      if (!own.signal.aborted) status.value = { kind: 'failed', why: messageOf(error) }
    } finally {
      if (reading === own) reading = null
    }
  }

  return {
    query: query as { readonly value: ListQuery },
    rows,
    rowCount,
    status: status as { readonly value: Status },
    setQuery(change: Partial<ListQuery>): void {
      query.value = { ...query.peek(), ...change }
      wantedIndex = 0
      // What is shown stays until the answer is there, unless that takes a while.
      const slow = setTimeout(() => {
        status.value = { kind: 'loading' }
      }, 250)
      readOn(true).finally(() => clearTimeout(slow))
    },
    /** Reads from the beginning, for what is there may have changed. */
    refresh: () => readOn(true),
    /** Says that a row is looked at. */
    want(index: number): void {
      wantedIndex = index
      if (status.peek().kind === 'ready') readOn(false)
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
    /** A row whose file is gone. */
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
