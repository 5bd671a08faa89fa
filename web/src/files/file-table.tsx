import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { lastSegment } from '../preview/preview-dialog.tsx'
import { iconOf } from '../preview/preview-kind.ts'
import { copyLink } from '../ui/copy.ts'
import { dateText, sizeText, spanText } from '../ui/format.ts'
import { Icon } from '../ui/icons.tsx'
import { bytesUrl, type FileRow, type ListQuery, type SortKey } from './file-row.ts'
import { type MenuItem, RowMenu } from './row-menu.tsx'

const WIDE_ROW = 52
const NARROW_ROW = 66
/** Rows beyond what is seen, so that a scroll shows rows and not gaps. */
const OVERSCAN = 8

export type RowAction = 'preview' | 'qr' | 'rename' | 'delete'

interface TableProps {
  readonly rows: readonly FileRow[]
  readonly rowCount: number
  readonly query: ListQuery
  readonly onSort: (sort: SortKey) => void
  readonly onWant: (index: number) => void
  readonly onAction: (action: RowAction, row: FileRow) => void
}

const columns: readonly { readonly key: SortKey; readonly text: string }[] = [
  { key: 'name', text: 'Name' },
  { key: 'size', text: 'Size' },
  { key: 'date', text: 'Stored' },
]

/** Shows of any number of rows those that are in the window. The page itself scrolls. */
export function FileTable({ rows, rowCount, query, onSort, onWant, onAction }: TableProps) {
  const body = useRef<HTMLDivElement>(null)
  const rowHeight = useRowHeight()
  const range = useVisibleRange(body, rowHeight, rowCount)
  const [active, setActive] = useState(0)
  const wantsFocus = useRef(false)
  const activeIndex = Math.min(active, Math.max(0, rows.length - 1))

  useEffect(() => onWant(range.end), [range.end, rows])
  useLayoutEffect(() => {
    if (!wantsFocus.current) return
    wantsFocus.current = false
    body.current?.querySelector<HTMLElement>(`[data-index="${activeIndex}"] .name`)?.focus({ preventScroll: true })
  })

  const moveTo = (index: number) => {
    const to = Math.max(0, Math.min(rows.length - 1, index))
    wantsFocus.current = true
    setActive(to)
    scrollToRow(body.current, to * rowHeight, rowHeight)
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return
    const perPage = Math.max(1, Math.floor(innerHeight / rowHeight) - 3)
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: perPage,
      PageUp: -perPage,
      Home: -1e9,
      End: 1e9,
    }
    const step = steps[event.key]
    const row = rows[activeIndex]
    if (step !== undefined) moveTo(activeIndex + step)
    else if (event.key === 'Delete' && row !== undefined) {
      onAction('delete', row)
      wantsFocus.current = true
    } else if (event.key === 'F2' && row !== undefined) onAction('rename', row)
    else return
    event.preventDefault()
  }

  const indices = Array.from({ length: range.end - range.start }, (_, offset) => range.start + offset)
  // The row that has the focus stays, however far it is scrolled away.
  if (rows.length > 0 && (activeIndex < range.start || activeIndex >= range.end)) indices.push(activeIndex)
  return (
    <div class="table" role="table" aria-label="Files" aria-rowcount={rowCount + 1}>
      <div class="head" role="rowgroup">
        <div class="row" role="row" aria-rowindex={1}>
          {columns.map(({ key, text }) => (
            <div key={key} class={key} role="columnheader" aria-sort={ariaSort(query, key)}>
              <button type="button" onClick={() => onSort(key)}>
                {text}
                {query.sort === key && <Icon name={query.isDescending ? 'down' : 'up'} />}
              </button>
            </div>
          ))}
          <div class="actions" role="columnheader">
            <span class="hidden">Actions</span>
          </div>
        </div>
      </div>
      <div
        ref={body}
        class="body"
        role="rowgroup"
        style={{ height: `${rowCount * rowHeight}px` }}
        onKeyDown={onKeyDown}
      >
        {indices.map((index) => {
          const row = rows[index]
          const place = { transform: `translateY(${index * rowHeight}px)`, height: `${rowHeight}px` }
          if (row === undefined) return <SkeletonRow key={index} place={place} index={index} />
          return (
            <Row
              key={row.id}
              row={row}
              index={index}
              place={place}
              isActive={index === activeIndex}
              onFocus={() => setActive(index)}
              onAction={(action) => {
                onAction(action, row)
                if (action === 'delete') wantsFocus.current = true
              }}
            />
          )
        })}
      </div>
    </div>
  )
}

interface RowProps {
  readonly row: FileRow
  readonly index: number
  readonly place: { readonly transform: string; readonly height: string }
  readonly isActive: boolean
  readonly onFocus: () => void
  readonly onAction: (action: RowAction) => void
}

function Row({ row, index, place, isActive, onFocus, onAction }: RowProps) {
  const tabIndex = isActive ? 0 : -1
  const download = lastSegment(row.name)
  const items: MenuItem[] = [
    { text: 'Preview', icon: 'eye', run: () => onAction('preview') },
    { text: 'Download', icon: 'download', run: () => save(bytesUrl(row), download) },
    { text: 'Copy link', icon: 'link', run: () => copyLink(row.url) },
    { text: 'QR code', icon: 'qr', run: () => onAction('qr') },
    { text: 'Rename', icon: 'rename', run: () => onAction('rename') },
    { text: 'Delete', icon: 'trash', isBad: true, run: () => onAction('delete') },
  ]
  return (
    <div class="row" role="row" aria-rowindex={index + 2} data-index={index} style={place} onFocusIn={onFocus}>
      <div class="cell name-cell" role="cell">
        <span class="kind">
          <Icon name={iconOf(row.contentType)} />
        </span>
        <span class="title">
          <button type="button" class="name" tabIndex={tabIndex} title={row.name} onClick={() => onAction('preview')}>
            {row.name}
          </button>
          <span class="sub">
            {sizeText(row.size)} · {dateText(row.uploadedAt)}
            {row.isShare && ' · your link'}
          </span>
        </span>
        {row.isShare && <span class="chip">Your link</span>}
        {row.expiresAt !== null && (
          <span class="chip quiet" title={`Expires ${dateText(row.expiresAt)}`}>
            <Icon name="clock" />
            <span class="hidden">Expires in </span>
            {spanText((Date.parse(row.expiresAt) - Date.now()) / 1_000)}
          </span>
        )}
      </div>
      <div class="cell size" role="cell">
        {sizeText(row.size)}
      </div>
      <div class="cell date" role="cell">
        {dateText(row.uploadedAt)}
      </div>
      <div class="cell actions" role="cell">
        <button
          type="button"
          class="icon wide"
          aria-label={`Copy link to ${row.name}`}
          tabIndex={tabIndex}
          onClick={() => copyLink(row.url)}
        >
          <Icon name="link" />
        </button>
        <a
          class="icon wide button"
          aria-label={`Download ${row.name}`}
          tabIndex={tabIndex}
          href={bytesUrl(row)}
          download={download}
        >
          <Icon name="download" />
        </a>
        <RowMenu label={`More for ${row.name}`} items={items} tabIndex={tabIndex} />
      </div>
    </div>
  )
}

export function SkeletonRow({ place, index }: { place?: RowProps['place']; index: number }) {
  return (
    <div class="row skeleton" style={place ?? {}} aria-hidden="true">
      <span class="bone" style={{ width: `${28 + ((index * 37) % 34)}%` }} />
    </div>
  )
}

function ariaSort({ sort, isDescending }: ListQuery, key: SortKey): 'ascending' | 'descending' | 'none' {
  return sort === key ? (isDescending ? 'descending' : 'ascending') : 'none'
}

function save(url: string, name: string): void {
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
}

function useRowHeight(): number {
  const [isNarrow, setNarrow] = useState(narrow.matches)
  useEffect(() => {
    const look = () => setNarrow(narrow.matches)
    narrow.addEventListener('change', look)
    return () => narrow.removeEventListener('change', look)
  }, [])
  return isNarrow ? NARROW_ROW : WIDE_ROW
}

const narrow = matchMedia('(max-width: 640px)')

/** @returns the indices of the rows that are in the window, or near it */
function useVisibleRange(body: { readonly current: HTMLElement | null }, rowHeight: number, rowCount: number) {
  const [range, setRange] = useState({ start: 0, end: Math.min(rowCount, 30) })
  useLayoutEffect(() => {
    let frame = 0
    const look = () => {
      frame = 0
      const top = body.current?.getBoundingClientRect().top ?? 0
      const start = Math.max(0, Math.floor(-top / rowHeight) - OVERSCAN)
      const end = Math.min(rowCount, Math.ceil((innerHeight - top) / rowHeight) + OVERSCAN)
      const next = { start: Math.min(start, rowCount), end: Math.max(Math.min(start, rowCount), end) }
      setRange((now) => (now.start === next.start && now.end === next.end ? now : next))
    }
    const lookSoon = () => {
      if (frame === 0) frame = requestAnimationFrame(look)
    }
    look()
    addEventListener('scroll', lookSoon, { passive: true })
    addEventListener('resize', lookSoon)
    // What stands above grows and shrinks.
    const above = new ResizeObserver(lookSoon)
    above.observe(document.body)
    return () => {
      cancelAnimationFrame(frame)
      removeEventListener('scroll', lookSoon)
      removeEventListener('resize', lookSoon)
      above.disconnect()
    }
  }, [rowHeight, rowCount])
  return { start: Math.min(range.start, rowCount), end: Math.min(range.end, rowCount) }
}

/** Scrolls as little as is needed for a row to be seen below what sticks to the top. */
function scrollToRow(body: HTMLElement | null, offset: number, height: number): void {
  if (body === null) return
  const top = body.getBoundingClientRect().top + offset
  const [upper, lower] = [120, innerHeight - 24]
  if (top < upper) scrollBy(0, top - upper)
  else if (top + height > lower) scrollBy(0, top + height - lower)
}
