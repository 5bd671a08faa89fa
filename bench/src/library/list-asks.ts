import type { KnownTrack } from './fill-library.ts'

/** A question of one kind is asked again and again with other values. */
export interface AskKind {
  readonly group: string
  /** Values that differ from one turn to the next stand in it as `…`. */
  readonly what: string
  /** @returns the target of a request */
  readonly target: (turn: number) => string
}

/** Gives a value for a turn. */
type Value = (turn: number) => string | number

/** Gives the values of the tracks that are known, those of another one each turn. */
export class KnownValues {
  readonly #known: readonly KnownTrack[]

  constructor(known: readonly KnownTrack[]) {
    this.#known = known
  }

  track(turn: number): KnownTrack {
    const track = this.#known[turn % this.#known.length]
    if (track === undefined) throw new Error('no tracks are known')
    return track
  }

  readonly artist: Value = (turn) => this.track(turn).tags.artist ?? ''
  readonly album: Value = (turn) => this.track(turn).tags.album ?? ''
  readonly genre: Value = (turn) => this.track(turn).tags.genre?.[0] ?? 'Rock'
  readonly year = (turn: number): number => this.track(turn).tags.year ?? 1_995
  readonly word = (turn: number, place = 0): string => {
    const { words } = this.track(turn)
    return words[place % words.length] ?? ''
  }
}

/** @param query the values are put into it where it has `…`, one after the other */
function ask(group: string, query: string, values: readonly Value[] = [], what = query): AskKind {
  const target = (turn: number): string => {
    const left = [...values]
    return `/list?${query.replaceAll('…', () => encodeURIComponent(left.shift()?.(turn) ?? ''))}`
  }
  return { group, what: what === '' ? '(all)' : what, target }
}

const orders = ['name', 'size', 'uploadedAt', 'duration', 'bitrate', 'year', 'title', 'artist', 'album'] as const
const codecs = ['mp3', 'flac', 'aac', 'opus', 'vorbis', 'pcm', 'wma', 'alac']
const containers = ['mp3', 'flac', 'mp4', 'ogg', 'wav', 'wma', 'webm']

const oneOf =
  (values: readonly (string | number)[]): Value =>
  (turn) =>
    values[turn % values.length] ?? ''
const from =
  (least: number, step: number): Value =>
  (turn) =>
    least + turn * step
const dayFrom =
  (year: number): Value =>
  (turn) =>
    new Date(Date.UTC(year, 9, 1 + (turn % 55))).toISOString().slice(0, 10)

/** Makes questions of `GET /list`, for 100 tracks each. */
export function listAsks({ artist, album, genre, year, word }: KnownValues): AskKind[] {
  const letters =
    (count: number): Value =>
    (turn) =>
      word(turn).slice(0, count)
  return [
    ask('one filter', ''),
    ask('one filter', 'minduration=…', [from(300, 10)]),
    ask('one filter', 'maxduration=…', [from(60, 10)]),
    ask('one filter', 'minduration=…&maxduration=…', [from(100, 5), from(110, 5)]),
    ask('one filter', 'minsize=…', [from(5e6, 1e6)]),
    ask('one filter', 'maxsize=…', [from(2e6, 1e6)]),
    ask('one filter', 'minbitrate=…', [from(200_000, 10_000)]),
    ask('one filter', 'maxbitrate=…', [from(100_000, 10_000)]),
    ask('one filter', 'samplerate=…', [oneOf([44_100, 48_000, 96_000])]),
    ask('one filter', 'minsamplerate=48000'),
    ask('one filter', 'maxsamplerate=44100'),
    ask('one filter', 'channels=…', [oneOf([1, 2, 6])]),
    ask('one filter', 'minchannels=3'),
    ask('one filter', 'maxchannels=1'),
    ask('one filter', 'year=…', [year]),
    ask('one filter', 'minyear=…', [year]),
    ask('one filter', 'maxyear=…', [year]),
    ask('one filter', 'since=…', [dayFrom(2026)]),
    ask('one filter', 'until=…', [dayFrom(2023)]),
    ask('one filter', 'codec=…', [oneOf(codecs)]),
    ask('one filter', 'container=…', [oneOf(containers)]),
    ask('one filter', 'lossless=…', [oneOf(['true', 'false'])]),
    ask('one filter', 'verdict=…', [oneOf(['ok', 'damaged', 'unknown'])]),
    ask('one filter', 'artist=…', [artist]),
    ask('one filter', 'album=…', [album]),
    ask('one filter', 'genre=…', [genre]),
    ask('words', 'q=…', [word], 'q=a word'),
    ask('words', 'q=…', [letters(2)], 'q=two letters'),
    ask('words', 'q=…', [letters(1)], 'q=one letter'),
    ask('words', 'q=…+…', [word, (turn) => word(turn, 1)], 'q=two words of a track'),
    ask('words', 'q=zzz…', [from(0, 1)], 'q=what no track has'),
    ...orders.flatMap((order) => [ask('an order', `sort=${order}`), ask('an order', `sort=-${order}`)]),
    ask('together', 'lossless=true&minyear=…&sort=-uploadedAt', [year]),
    ask('together', 'codec=flac&minyear=…&maxyear=…&sort=artist', [year, (turn) => year(turn) + 5]),
    ask('together', 'genre=…&sort=duration', [genre]),
    ask('together', 'genre=…&minyear=…&lossless=false&sort=album', [genre, year]),
    ask('together', 'artist=…&sort=-year', [artist]),
    ask('together', 'maxduration=300&sort=title'),
    ask('together', 'maxduration=300&q=…', [word], 'maxduration=300&q=a word'),
    ask('together', 'q=…&sort=-uploadedAt', [letters(2)], 'q=two letters&sort=-uploadedAt'),
    ask('together', 'genre=…&q=…', [genre, letters(2)], 'genre=…&q=two letters'),
    ask('together', 'verdict=damaged&codec=wma&sort=-size'),
    ask('together', 'lossless=false&sort=-bitrate'),
    ask('together', 'codec=mp3&lossless=true'),
  ]
}

/** @param cursors of pages anywhere in lists of these orders */
export function pageAsks(cursors: Readonly<Record<string, readonly string[]>>): AskKind[] {
  return Object.entries(cursors).map(([sort, ofSort]) =>
    ask('a further page', `sort=${sort}&cursor=…`, [oneOf(ofSort)]),
  )
}
