import { useEffect, useState } from 'preact/hooks'
import type { Track } from '../api/answers.ts'
import { TorrentDialog } from '../files/torrent-dialog.tsx'
import type { Player } from '../player/player.ts'
import { countText } from '../ui/format.ts'
import { Icon } from '../ui/icons.tsx'
import { SearchField } from '../ui/search-field.tsx'
import { SkeletonRows } from '../ui/skeleton-row.tsx'
import { type Order, SortField } from '../ui/sort-field.tsx'
import { TryAgain } from '../ui/try-again.tsx'
import { DropZone } from '../uploads/drop-zone.tsx'
import { UploadPanel } from '../uploads/upload-panel.tsx'
import type { UploadQueue } from '../uploads/upload-queue.ts'
import { DurationFilter } from './duration-filter.tsx'
import type { TrackListStore, TrackQuery, TrackSort } from './track-list.ts'
import { TrackTable } from './track-table.tsx'
import { VerdictNote } from './verdict-note.tsx'
import type { Verdicts } from './verdicts.ts'

interface AudioViewProps {
  readonly tracks: TrackListStore
  readonly verdicts: Verdicts
  readonly queue: UploadQueue
  readonly player: Player
}

const orders: readonly Order<TrackSort>[] = [
  { text: 'Newest first', sort: 'uploadedAt', isDescending: true },
  { text: 'Oldest first', sort: 'uploadedAt', isDescending: false },
  { text: 'By title', sort: 'title', isDescending: false },
  { text: 'By artist', sort: 'artist', isDescending: false },
  { text: 'By album', sort: 'album', isDescending: false },
  { text: 'Longest first', sort: 'duration', isDescending: true },
  { text: 'Shortest first', sort: 'duration', isDescending: false },
]

/** Lists what audio there is, takes more, and hands it to the player. */
export function AudioView({ tracks: list, verdicts, queue, player }: AudioViewProps) {
  const [torrentOf, setTorrentOf] = useState<Track | null>(null)
  const tracks = list.tracks.value
  const query = list.query.value
  const status = list.status.value
  useEffect(() => {
    list.refresh()
  }, [list])
  return (
    <>
      <DropZone what="audio" onFiles={queue.add} />
      <UploadPanel queue={queue} about={({ id }) => <VerdictNote judgement={verdicts.of(id)} />} />
      <section aria-labelledby="audio-title">
        <div class="listhead audiohead">
          <h2 id="audio-title">Audio</h2>
          <span class="count">{tracks.length === 0 ? '' : tracksText(tracks.length, list.isMore)}</span>
          <DurationFilter query={query} onChange={list.setQuery} />
          <SearchField
            label="Search audio by title, artist, album, genre or name"
            search={query.search}
            onSearch={(search) => list.setQuery({ search })}
          />
          <SortField class="always" orders={ordersFor(query)} query={query} onSort={list.setQuery} />
        </div>
        {status.kind === 'failed' && <TryAgain failure={status} onTry={list.refresh} />}
        <div class={`card list ${status.kind === 'loading' && tracks.length > 0 ? 'stale' : ''}`}>
          {tracks.length > 0 ? (
            <TrackTable list={list} player={player} onTorrent={setTorrentOf} />
          ) : status.kind === 'ready' ? (
            <Empty query={query} onClear={() => list.setQuery({ search: '', minMinutes: null, maxMinutes: null })} />
          ) : (
            <SkeletonRows />
          )}
        </div>
        {torrentOf !== null && <TorrentDialog file={torrentOf} onClose={() => setTorrentOf(null)} />}
      </section>
    </>
  )
}

function Empty({ query, onClear }: { query: TrackQuery; onClear: () => void }) {
  const isFiltered = query.search !== '' || query.minMinutes !== null || query.maxMinutes !== null
  if (isFiltered)
    return (
      <div class="empty">
        <Icon name="search" />
        <p>No audio is like that.</p>
        <button type="button" onClick={onClear}>
          Clear the filters
        </button>
      </div>
    )
  return (
    <div class="empty">
      <Icon name="audio" />
      <p>There is no audio yet.</p>
      <p class="note">Drop some above. Files with a link of your own are not listed here.</p>
    </div>
  )
}

function tracksText(count: number, isMore: boolean): string {
  if (isMore) return `${countText(count)} and more tracks`
  return `${countText(count)} ${count === 1 ? 'track' : 'tracks'}`
}

/** The columns can be sorted in ways that the list of orders does not have. */
function ordersFor({ sort, isDescending }: TrackQuery): typeof orders {
  if (orders.some((order) => order.sort === sort && order.isDescending === isDescending)) return orders
  return [...orders, { text: `By ${sort}, Z to A`, sort, isDescending }]
}
