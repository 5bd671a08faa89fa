import { useEffect, useState } from 'preact/hooks'
import type { Track } from '../api/answers.ts'
import { TorrentDialog } from '../files/torrent-dialog.tsx'
import type { Player } from '../player/player.ts'
import { countText } from '../ui/format.ts'
import { Icon } from '../ui/icons.tsx'
import { SearchField } from '../ui/search-field.tsx'
import { SkeletonRow } from '../ui/skeleton-row.tsx'
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

const orders: readonly { readonly text: string; readonly value: string }[] = [
  { text: 'Newest first', value: 'uploadedAt desc' },
  { text: 'Oldest first', value: 'uploadedAt asc' },
  { text: 'By title', value: 'title asc' },
  { text: 'By artist', value: 'artist asc' },
  { text: 'By album', value: 'album asc' },
  { text: 'Longest first', value: 'duration desc' },
  { text: 'Shortest first', value: 'duration asc' },
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
          <label class="sortby always">
            <span class="hidden">Sort by</span>
            <select
              value={`${query.sort} ${query.isDescending ? 'desc' : 'asc'}`}
              onChange={({ currentTarget }) => list.setQuery(queryOf(currentTarget.value))}
            >
              {ordersFor(query).map(({ text, value }) => (
                <option key={value} value={value}>
                  {text}
                </option>
              ))}
            </select>
          </label>
        </div>
        {status.kind === 'failed' && <TryAgain failure={status} onTry={list.refresh} />}
        <div class={`card list ${status.kind === 'loading' && tracks.length > 0 ? 'stale' : ''}`}>
          {tracks.length > 0 ? (
            <TrackTable list={list} player={player} onTorrent={setTorrentOf} />
          ) : status.kind === 'ready' ? (
            <Empty query={query} onClear={() => list.setQuery({ search: '', minMinutes: null, maxMinutes: null })} />
          ) : (
            <div class="bones" aria-hidden="true">
              {[0, 1, 2, 3, 4, 5].map((index) => (
                <SkeletonRow key={index} index={index} />
              ))}
            </div>
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
  const value = `${sort} ${isDescending ? 'desc' : 'asc'}`
  if (orders.some((order) => order.value === value)) return orders
  return [...orders, { text: `By ${sort}, Z to A`, value }]
}

function queryOf(value: string): Partial<TrackQuery> {
  const [sort = 'uploadedAt', order] = value.split(' ')
  return { sort: sort as TrackSort, isDescending: order === 'desc' }
}
