import { iconOf } from '../preview/preview-kind.ts'
import { save, useCopy } from '../ui/copy.ts'
import { dateText, lastSegment, sizeText, spanText } from '../ui/format.ts'
import { Icon } from '../ui/icons.tsx'
import { type MenuItem, RowMenu } from '../ui/row-menu.tsx'
import { SkeletonRow } from '../ui/skeleton-row.tsx'
import { TableHead } from '../ui/table-head.tsx'
import { type RowPlace, useVirtualRows } from '../ui/virtual-rows.ts'
import type { FileListStore } from './file-list.ts'
import { bytesUrl, type FileRow, type SortKey } from './file-row.ts'

export type RowAction = 'preview' | 'qr' | 'torrent' | 'rename' | 'delete'

interface TableProps {
  readonly list: FileListStore
  readonly onAction: (action: RowAction, row: FileRow) => void
}

const columns: readonly { readonly key: SortKey; readonly text: string }[] = [
  { key: 'name', text: 'Name' },
  { key: 'size', text: 'Size' },
  { key: 'date', text: 'Stored' },
]

export function FileTable({ list, onAction }: TableProps) {
  const rows = list.rows.value
  const rowCount = list.rowCount.value
  const query = list.query.value
  const view = useVirtualRows({ rows, rowCount, onWant: list.want })
  const onSort = (sort: SortKey) =>
    list.setQuery({ sort, isDescending: query.sort === sort ? !query.isDescending : sort !== 'name' })
  const act = (action: RowAction, row: FileRow) => {
    onAction(action, row)
    if (action === 'delete') view.keepFocus()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return
    const row = rows[view.activeIndex]
    if (event.key === 'Delete' && row !== undefined) act('delete', row)
    else if (event.key === 'F2' && row !== undefined) act('rename', row)
    else if (!view.moveBy(event.key)) return
    event.preventDefault()
  }
  return (
    <div class="table" role="table" aria-label="Files" aria-rowcount={rowCount + 1}>
      <TableHead columns={columns} query={query} onSort={onSort} />
      <div ref={view.body} class="body" role="rowgroup" style={{ height: view.height }} onKeyDown={onKeyDown}>
        {view.indices.map((index) => {
          const row = rows[index]
          const place = view.placeOf(index)
          if (row === undefined) return <SkeletonRow key={index} place={place} index={index} />
          return (
            <Row
              key={row.id}
              row={row}
              index={index}
              place={place}
              isActive={index === view.activeIndex}
              onFocus={() => view.setActive(index)}
              onAction={(action) => act(action, row)}
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
  readonly place: RowPlace
  readonly isActive: boolean
  readonly onFocus: () => void
  readonly onAction: (action: RowAction) => void
}

function Row({ row, index, place, isActive, onFocus, onAction }: RowProps) {
  const { copyLink } = useCopy()
  const tabIndex = isActive ? 0 : -1
  const download = lastSegment(row.name)
  const items: MenuItem[] = [
    { text: 'Preview', icon: 'eye', run: () => onAction('preview') },
    { text: 'Download', icon: 'download', run: () => save(bytesUrl(row), download) },
    { text: 'Copy link', icon: 'link', run: () => copyLink(row.url) },
    { text: 'QR code', icon: 'qr', run: () => onAction('qr') },
    { text: 'Torrent', icon: 'peers', run: () => onAction('torrent') },
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
