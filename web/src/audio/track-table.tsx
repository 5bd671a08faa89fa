import type { Track } from '../api/answers.ts'
import type { Player } from '../player/player.ts'
import { save, useCopy } from '../ui/copy.ts'
import { lastSegment } from '../ui/format.ts'
import { Icon } from '../ui/icons.tsx'
import { type MenuItem, RowMenu } from '../ui/row-menu.tsx'
import { SkeletonRow } from '../ui/skeleton-row.tsx'
import { TableHead } from '../ui/table-head.tsx'
import { type RowPlace, useVirtualRows } from '../ui/virtual-rows.ts'
import { clockText, creditsOf, titleOf } from './track.ts'
import type { TrackListStore, TrackSort } from './track-list.ts'

/** The list does not tell how many tracks there are, so a few are shown to come. */
const TO_COME = 20

const columns: readonly { readonly key: TrackSort; readonly text: string }[] = [
  { key: 'title', text: 'Title' },
  { key: 'artist', text: 'Artist' },
  { key: 'album', text: 'Album' },
  { key: 'duration', text: 'Duration' },
]

interface TrackTableProps {
  readonly list: TrackListStore
  readonly player: Player
  readonly onTorrent: (track: Track) => void
}

export function TrackTable({ list, player, onTorrent }: TrackTableProps) {
  const tracks = list.tracks.value
  const query = list.query.value
  const rowCount = tracks.length + (list.isMore ? TO_COME : 0)
  const view = useVirtualRows({ rows: tracks, rowCount, onWant: list.want })
  const current = player.current.value
  const onSort = (sort: TrackSort) =>
    list.setQuery({ sort, isDescending: query.sort === sort ? !query.isDescending : false })
  const play = (index: number, track: Track) => {
    if (current?.id === track.id) player.toggle()
    else player.playFrom(list.tracks.value, index)
  }
  return (
    <div class="table tracks" role="table" aria-label="Audio" aria-rowcount={list.isMore ? -1 : rowCount + 1}>
      <TableHead columns={columns} query={query} onSort={onSort} />
      <div
        ref={view.body}
        class="body"
        role="rowgroup"
        style={{ height: view.height }}
        onKeyDown={(event) => {
          if (event.altKey || event.ctrlKey || event.metaKey || !view.moveBy(event.key)) return
          event.preventDefault()
        }}
      >
        {view.indices.map((index) => {
          const track = tracks[index]
          const place = view.placeOf(index)
          if (track === undefined) return <SkeletonRow key={index} place={place} index={index} />
          const isCurrent = current?.id === track.id
          return (
            <Row
              key={track.id}
              track={track}
              index={index}
              place={place}
              isActive={index === view.activeIndex}
              isCurrent={isCurrent}
              isPlaying={isCurrent && player.isPlaying.value}
              onFocus={() => view.setActive(index)}
              onPlay={() => play(index, track)}
              onEnqueue={(where) => player.enqueue(track, where)}
              onTorrent={() => onTorrent(track)}
            />
          )
        })}
      </div>
    </div>
  )
}

interface RowProps {
  readonly track: Track
  readonly index: number
  readonly place: RowPlace
  readonly isActive: boolean
  readonly isCurrent: boolean
  readonly isPlaying: boolean
  readonly onFocus: () => void
  readonly onPlay: () => void
  readonly onEnqueue: (place: 'next' | 'last') => void
  readonly onTorrent: () => void
}

function Row({ track, index, place, isActive, isCurrent, isPlaying, onFocus, onPlay, ...on }: RowProps) {
  const { copyLink } = useCopy()
  const tabIndex = isActive ? 0 : -1
  const { name, url, duration, tags, verdict, reason } = track
  const title = titleOf(track)
  const length = duration === null ? '' : clockText(duration)
  const items: MenuItem[] = [
    { text: 'Play next', icon: 'queueNext', run: () => on.onEnqueue('next') },
    { text: 'Add to queue', icon: 'queue', run: () => on.onEnqueue('last') },
    { text: 'Download', icon: 'download', run: () => save(url, lastSegment(name)) },
    { text: 'Copy link', icon: 'link', run: () => copyLink(url) },
    { text: 'Torrent', icon: 'peers', run: on.onTorrent },
  ]
  return (
    <div
      class={`row ${isCurrent ? 'current' : ''}`}
      role="row"
      aria-rowindex={index + 2}
      data-index={index}
      style={place}
      onFocusIn={onFocus}
    >
      <div class="cell name-cell" role="cell">
        <button
          type="button"
          class="icon kind"
          aria-label={`${isPlaying ? 'Pause' : 'Play'} ${title}`}
          tabIndex={tabIndex}
          onClick={onPlay}
        >
          <Icon name={isPlaying ? 'pause' : 'play'} />
        </button>
        <span class="title">
          <button type="button" class="name" tabIndex={tabIndex} title={name} onClick={onPlay}>
            {title}
          </button>
          <span class="sub">{[creditsOf(track), length].filter((text) => text !== '').join(' · ')}</span>
        </span>
        {verdict === 'damaged' && (
          <span class="chip bad" title={reason ?? undefined}>
            Damaged
          </span>
        )}
      </div>
      <div class="cell artist" role="cell" title={tags.artist}>
        {tags.artist}
      </div>
      <div class="cell album" role="cell" title={tags.album}>
        {tags.album}
      </div>
      <div class="cell duration" role="cell">
        {length}
      </div>
      <div class="cell actions" role="cell">
        <button
          type="button"
          class="icon wide"
          aria-label={`Add ${title} to the queue`}
          tabIndex={tabIndex}
          onClick={() => on.onEnqueue('last')}
        >
          <Icon name="queue" />
        </button>
        <RowMenu label={`More for ${title}`} items={items} tabIndex={tabIndex} />
      </div>
    </div>
  )
}
