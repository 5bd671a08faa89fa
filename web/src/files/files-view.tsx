import { useEffect, useState } from 'preact/hooks'
import { PreviewDialog } from '../preview/preview-dialog.tsx'
import { filesText } from '../ui/format.ts'
import { Icon } from '../ui/icons.tsx'
import { SearchField } from '../ui/search-field.tsx'
import { SkeletonRows } from '../ui/skeleton-row.tsx'
import { type Order, SortField } from '../ui/sort-field.tsx'
import { useNotices } from '../ui/toasts.tsx'
import { TryAgain } from '../ui/try-again.tsx'
import type { Deletions } from './deletions.ts'
import type { FileListStore } from './file-list.ts'
import type { FileRow, ListQuery, SortKey } from './file-row.ts'
import { FileTable, type RowAction } from './file-table.tsx'
import { QrDialog } from './qr-dialog.tsx'
import { RenameDialog } from './rename-dialog.tsx'
import { TorrentDialog } from './torrent-dialog.tsx'

const orders: readonly Order<SortKey>[] = [
  { text: 'Newest first', sort: 'date', isDescending: true },
  { text: 'Oldest first', sort: 'date', isDescending: false },
  { text: 'Name, A to Z', sort: 'name', isDescending: false },
  { text: 'Name, Z to A', sort: 'name', isDescending: true },
  { text: 'Largest first', sort: 'size', isDescending: true },
  { text: 'Smallest first', sort: 'size', isDescending: false },
]

type Open = { readonly kind: 'preview' | 'qr' | 'torrent' | 'rename'; readonly row: FileRow } | null

export function FilesView({ list, deletions }: { list: FileListStore; deletions: Deletions }) {
  const [open, setOpen] = useState<Open>(null)
  const { announce, showToast } = useNotices()
  const rows = list.rows.value
  const rowCount = list.rowCount.value
  const query = list.query.value
  const status = list.status.value
  useEffect(() => {
    if (query.search !== '' && status.kind === 'ready') announce(`${filesText(rowCount)} found`)
  }, [query.search, status.kind, rowCount])

  const onAction = (action: RowAction, row: FileRow) => {
    if (action === 'delete') deletions.remove(row)
    else setOpen({ kind: action, row })
  }
  const close = () => setOpen(null)
  const at = open === null ? -1 : rows.findIndex(({ id }) => id === open.row.id)
  const stepTo = (index: number): (() => void) | null => {
    const row = at < 0 ? undefined : rows[index]
    return row === undefined ? null : () => setOpen({ kind: 'preview', row })
  }
  return (
    <section aria-labelledby="files-title">
      <div class="listhead">
        <h2 id="files-title">Files</h2>
        <span class="count">{rowCount > 0 ? filesText(rowCount) : ''}</span>
        <SearchField
          label="Search files by name"
          search={query.search}
          onSearch={(search) => list.setQuery({ search })}
        />
        <SortField orders={orders} query={query} onSort={list.setQuery} />
      </div>
      {status.kind === 'failed' && <TryAgain failure={status} onTry={list.refresh} />}
      <div class={`card list ${status.kind === 'loading' && rows.length > 0 ? 'stale' : ''}`}>
        {rowCount > 0 ? (
          <FileTable list={list} onAction={onAction} />
        ) : status.kind === 'ready' ? (
          <Empty query={query} onClear={() => list.setQuery({ search: '' })} />
        ) : (
          <SkeletonRows />
        )}
      </div>
      {open?.kind === 'preview' && (
        <PreviewDialog row={open.row} onClose={close} onPrevious={stepTo(at - 1)} onNext={stepTo(at + 1)} />
      )}
      {open?.kind === 'qr' && <QrDialog row={open.row} onClose={close} />}
      {open?.kind === 'torrent' && <TorrentDialog file={open.row} onClose={close} />}
      {open?.kind === 'rename' && (
        <RenameDialog
          row={open.row}
          onClose={close}
          onRenamed={(file) => {
            list.replace(file)
            showToast(`Renamed to ${file.name}`)
          }}
        />
      )}
    </section>
  )
}

function Empty({ query, onClear }: { query: ListQuery; onClear: () => void }) {
  if (query.search !== '')
    return (
      <div class="empty">
        <Icon name="search" />
        <p>No file has “{query.search}” in its name.</p>
        <button type="button" onClick={onClear}>
          Clear the search
        </button>
      </div>
    )
  return (
    <div class="empty">
      <Icon name="file" />
      <p>Nothing is stored yet.</p>
      <p class="note">Drop a file above. It appears here, with a link to share.</p>
    </div>
  )
}
