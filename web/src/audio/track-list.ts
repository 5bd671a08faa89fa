import { signal } from '@preact/signals'
import type { Track, TrackPage } from '../api/answers.ts'
import { createPages } from '../api/pages.ts'
import { requestJson } from '../api/request.ts'

/** The first page is small, so that it is there at once. */
const FIRST_PAGE = 100
const NEXT_PAGES = 1_000
/** Files that are stored one after the other are looked for at once. */
const REFRESH_MS = 400

export type TrackSort = 'title' | 'artist' | 'album' | 'duration' | 'uploadedAt'

export interface TrackQuery {
  readonly search: string
  readonly sort: TrackSort
  readonly isDescending: boolean
  /** These bound the duration in minutes; both are within. */
  readonly minMinutes: number | null
  readonly maxMinutes: number | null
}

/** @returns what `GET /list` is asked for */
export function parametersOf(query: TrackQuery, cursor: string | null): URLSearchParams {
  const { search, sort, isDescending, minMinutes, maxMinutes } = query
  return new URLSearchParams({
    sort: `${isDescending ? '-' : ''}${sort}`,
    limit: String(cursor === null ? FIRST_PAGE : NEXT_PAGES),
    ...(search !== '' && { q: search }),
    ...(minMinutes !== null && { minduration: String(minMinutes * 60) }),
    ...(maxMinutes !== null && { maxduration: String(maxMinutes * 60) }),
    ...(cursor !== null && { cursor }),
  })
}

/** Lists the audio files with a path, of which pages are read as they are looked at. */
export function createTrackList() {
  const query = signal<TrackQuery>({
    search: '',
    sort: 'uploadedAt',
    isDescending: true,
    minMinutes: null,
    maxMinutes: null,
  })
  const pages = createPages<Track>(
    async (cursor, stop) => {
      const page = await requestJson<TrackPage>(`/list?${parametersOf(query.peek(), cursor)}`, { signal: stop })
      return { rows: page.files, next: page.next }
    },
    (rows) => rows.length,
  )
  let refreshing = 0

  return {
    query: query as { readonly value: TrackQuery },
    tracks: pages.rows as { readonly value: readonly Track[] },
    /** Tells whether there are further ones. */
    get isMore(): boolean {
      return pages.next.value !== null
    },
    status: pages.status,
    refresh: pages.refresh,
    want: pages.want,
    refreshSoon(): void {
      clearTimeout(refreshing)
      refreshing = window.setTimeout(() => {
        // Who has scrolled down keeps what is there.
        if (scrollY < innerHeight) pages.refresh()
      }, REFRESH_MS)
    },
    setQuery(change: Partial<TrackQuery>): void {
      query.value = { ...query.peek(), ...change }
      pages.restart()
    },
    /** Takes the place of the row that is there. */
    replace(track: Track): void {
      pages.rows.value = pages.rows.peek().map((one) => (one.id === track.id ? track : one))
    },
  }
}

export type TrackListStore = ReturnType<typeof createTrackList>
