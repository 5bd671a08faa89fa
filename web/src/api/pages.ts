import { batch, type Signal, signal } from '@preact/signals'
import { messageOf } from './request.ts'

/** This many rows are read ahead of those that the user looks at. */
const AHEAD = 300
/** What is shown stays so long, for the answer to a new question mostly comes sooner. */
const SLOW_MS = 250

export type PagesStatus = { readonly kind: 'loading' | 'ready' } | { readonly kind: 'failed'; readonly why: string }

export interface Page<Row> {
  readonly rows: readonly Row[]
  readonly next: string | null
  /** There are so many rows on all pages, where the first page tells. */
  readonly total?: number | null
}

/**
 * Reads pages one after the other as their rows are looked at.
 * @param readPage is asked for the first page with the cursor null. @param countShown says how many rows are shown of what was read
 */
export function createPages<Row>(
  readPage: (cursor: string | null, signal: AbortSignal) => Promise<Page<Row>>,
  countShown: (rows: readonly Row[]) => number,
) {
  const rows = signal<readonly Row[]>([])
  const total = signal<number | null>(null)
  const next = signal<string | null>(null)
  const status: Signal<PagesStatus> = signal({ kind: 'loading' })
  let reading: AbortController | null = null
  let wantedIndex = 0

  async function read(own: AbortController, cursor: string | null): Promise<void> {
    const page = await readPage(cursor, own.signal)
    if (own.signal.aborted) return
    batch(() => {
      rows.value = cursor === null ? page.rows : rows.peek().concat(page.rows)
      if (cursor === null) total.value = page.total ?? null
      next.value = page.next
      status.value = { kind: 'ready' }
    })
  }

  async function readOn(first: boolean): Promise<void> {
    if (!first && reading !== null) return
    reading?.abort()
    const own = new AbortController()
    reading = own
    try {
      if (first) await read(own, null)
      while (!own.signal.aborted && next.peek() !== null && wantedIndex + AHEAD > countShown(rows.peek()))
        await read(own, next.peek())
    } catch (error) {
      if (!own.signal.aborted) status.value = { kind: 'failed', why: messageOf(error) }
    } finally {
      if (reading === own) reading = null
    }
  }

  return {
    rows,
    total,
    next: next as { readonly value: string | null },
    status: status as { readonly value: PagesStatus; peek(): PagesStatus },
    /** Reads from the beginning, for what is there may have changed. */
    refresh: () => readOn(true),
    /** Reads from the beginning, for another question is asked. */
    restart(): void {
      wantedIndex = 0
      const slow = setTimeout(() => {
        status.value = { kind: 'loading' }
      }, SLOW_MS)
      readOn(true).finally(() => clearTimeout(slow))
    },
    /** Says that a row is looked at. */
    want(index: number): void {
      wantedIndex = index
      if (status.peek().kind === 'ready') readOn(false)
    },
  }
}
