import type { AskKind, KnownValues } from './list-asks.ts'

/** This was found out of the library beforehand. */
export interface KnownLibrary {
  readonly songCount: number
  readonly albumCount: number
  readonly albumIds: readonly string[]
  readonly artistIds: readonly string[]
}

type Parameters = Readonly<Record<string, string | number>>

/** The protocol's lists have no larger page. */
const PAGE = 500

/** Makes the main calls of a player. @param credentials are in each of them */
export function subsonicAsks(
  values: KnownValues,
  { songCount, albumCount, albumIds, artistIds }: KnownLibrary,
  credentials: Parameters,
): AskKind[] {
  const call = (method: string, what: string, parameters: (turn: number) => Parameters = () => ({})): AskKind => ({
    group: '/rest',
    what: what === '' ? method : `${method}: ${what}`,
    target: (turn) => `/rest/${method}?${encode({ ...credentials, ...parameters(turn) })}`,
  })
  const songs = (which: string, offset: (turn: number) => number) =>
    call('search3', `all songs, ${which}`, (turn) => ({
      ...{ query: '""', artistCount: 0, albumCount: 0, songCount: PAGE, songOffset: offset(turn) },
    }))
  const albums = (type: string, what = type, parameters: (turn: number) => Parameters = () => ({})) =>
    call('getAlbumList2', what, (turn) => ({ type, size: 50, ...parameters(turn) }))
  const years = (turn: number) => ({ fromYear: values.year(turn), toYear: values.year(turn) + 9 })
  const idOf = (ids: readonly string[], turn: number) => ({ id: ids[turn % ids.length] ?? '' })
  return [
    songs('the first 500', () => 0),
    songs('500 after 500, from the first to the last', (turn) => (turn * PAGE) % songCount),
    songs('the last 500 at once', () => Math.max(0, songCount - PAGE)),
    call('search3', 'a word', (turn) => ({ query: values.word(turn) })),
    call('search3', 'two letters', (turn) => ({ query: values.word(turn).slice(0, 2) })),
    albums('random'),
    albums('newest'),
    albums('alphabeticalByName'),
    albums('alphabeticalByName', 'alphabeticalByName, the last 500', () => ({
      ...{ size: PAGE, offset: Math.max(0, albumCount - PAGE) },
    })),
    albums('alphabeticalByArtist'),
    albums('byYear', 'byYear', years),
    albums('byGenre', 'byGenre', (turn) => ({ genre: values.genre(turn) })),
    albums('starred'),
    albums('frequent'),
    albums('recent'),
    call('getRandomSongs', '10', () => ({ size: 10 })),
    call('getRandomSongs', '500', () => ({ size: PAGE })),
    call('getRandomSongs', '500 of a genre', (turn) => ({ size: PAGE, genre: values.genre(turn) })),
    call('getRandomSongs', '500 of ten years', (turn) => ({ size: PAGE, ...years(turn) })),
    call('getSongsByGenre', 'Rock, the first 500', () => ({ genre: 'Rock', count: PAGE })),
    call('getSongsByGenre', 'Rock, 500 at 10,000 at once', () => ({ genre: 'Rock', count: PAGE, offset: 10_000 })),
    call('getGenres', ''),
    call('getArtists', ''),
    call('getArtist', '', (turn) => idOf(artistIds, turn)),
    call('getAlbum', '', (turn) => idOf(albumIds, turn)),
    call('getSong', '', (turn) => ({ id: values.track(turn).id })),
    call('getStarred2', ''),
  ]
}

export function encode(parameters: Parameters): string {
  return new URLSearchParams(
    Object.entries(parameters).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString()
}
