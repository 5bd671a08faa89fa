import { percentiles } from '../load/run-load.ts'
import type { Plan } from '../plan.ts'
import type { RunningHoldfast } from '../processes/start-holdfast.ts'
import type { Searches, SearchTimes } from '../result.ts'
import { Catalogue } from '../tracks/catalogue.ts'
import { fillTracks } from '../tracks/fill-tracks.ts'
import { commonWords, RARE_WORDS, type Random, randomFrom, rareWord } from '../tracks/words.ts'

type Query = Readonly<Record<string, string>>

const WARM_SEARCHES = 20
const PAGES = 5

/** People ask for these. Each kind asks for something else each time. */
const kinds: Readonly<Record<string, (catalogue: Catalogue, random: Random) => Query>> = {
  'beginning of an artist': (catalogue, random) => ({ artist: firstLong(catalogue.any(random).artist).slice(0, 3) }),
  'longer beginning of an artist': (catalogue, random) => ({
    artist: firstLong(catalogue.any(random).artist).slice(0, 5),
  }),
  'one letter': (_, random) => ({ artist: String.fromCharCode(97 + Math.floor(random() * 26)) }),
  'an artist': (catalogue, random) => ({ artist: catalogue.any(random).artist }),
  'a song': (catalogue, random) => ({ song: catalogue.any(random).song }),
  'artist and song': (catalogue, random) => {
    const { artist, song } = catalogue.any(random)
    return { artist, song }
  },
  'words of any field': (catalogue, random) => {
    const { artist, song } = catalogue.any(random)
    return { q: `${firstLong(artist)} ${firstLong(song)}` }
  },
  'a rare word': (_, random) => ({ q: rareWord(Math.floor(random() * RARE_WORDS)) }),
  'the commonest words': (_, random) => ({ q: wordOf(random, 20) }),
  'a common long word': () => ({ song: 'night' }),
  'two common words': (_, random) => ({ q: `${wordOf(random, 20)} ${wordOf(random, 20)}` }),
  'common words of two fields': (_, random) => ({ song: wordOf(random, 20), artist: wordOf(random, 20) }),
  'a word and a year': (_, random) => ({ song: wordOf(random, 60), year: String(1_950 + Math.floor(random() * 75)) }),
  'nothing like it': (_, random) => ({ q: `x${Math.floor(random() * 1e9).toString(36)}x` }),
  'common words, never together': (_, random) => ({ song: 'the night', artist: wordOf(random, 20), album: 'love you' }),
}

/** Measures how long searches take among many tracks of users who are online. */
export async function measureSearches(
  { url, mongoUrl }: Pick<RunningHoldfast, 'url' | 'mongoUrl'>,
  { tracks: wish }: Plan,
  report: (line: string) => void,
): Promise<Searches> {
  const catalogue = new Catalogue(wish.count)
  report(`${wish.count.toLocaleString('en')} tracks of ${wish.users.toLocaleString('en')} users are stored`)
  const startedAt = performance.now()
  await fillTracks(mongoUrl, catalogue, wish)
  const fillSeconds = (performance.now() - startedAt) / 1000
  const times = await timeSearches(url, catalogue, wish, report)
  return { trackCount: wish.count, userCount: wish.users, clients: wish.clients, fillSeconds, times }
}

/** @param catalogue is the one that the tracks came from */
async function timeSearches(
  url: string,
  catalogue: Catalogue,
  wish: Pick<Plan['tracks'], 'clients' | 'searchesEach'>,
  report: (line: string) => void,
): Promise<SearchTimes[]> {
  const times: SearchTimes[] = []
  for (const [search, queryOf] of Object.entries(kinds)) {
    report(`search for ${search}`)
    const random = randomFrom(times.length + 1)
    const query = () => queryOf(catalogue, random)
    for (let count = 0; count < WARM_SEARCHES; count++) await ask(url, query())
    times.push(await measure(search, wish, query, async (next) => [await ask(url, next)]))
  }
  report('next pages')
  const pages = async (query: Query): Promise<Page[]> => {
    const read: Page[] = []
    for (let cursor: string | null = ''; cursor !== null && read.length < PAGES; cursor = read.at(-1)?.next ?? null)
      read.push(await ask(url, cursor === '' ? query : { ...query, cursor }))
    return read
  }
  const random = randomFrom(0)
  times.push(await measure(`${PAGES} pages of a common word`, wish, () => ({ q: wordOf(random, 20) }), pages))
  return times
}

interface Page {
  readonly ms: number
  readonly found: number
  readonly next: string | null
}

async function measure(
  search: string,
  { clients, searchesEach }: Pick<Plan['tracks'], 'clients' | 'searchesEach'>,
  query: () => Query,
  work: (query: Query) => Promise<Page[]>,
): Promise<SearchTimes> {
  const example = query()
  const pages: Page[] = []
  const client = async (): Promise<void> => {
    for (let count = 0; count < searchesEach; count++) pages.push(...(await work(query())))
  }
  await Promise.all(Array.from({ length: clients }, client))
  const { p50Ms, p99Ms, doneCount } = percentiles(pages.map(({ ms }) => ms))
  return {
    ...{ search, example: new URLSearchParams(example).toString(), count: doneCount, p50Ms, p99Ms },
    found: pages.reduce((sum, { found }) => sum + found, 0) / doneCount,
    mostMs: Math.max(...pages.map(({ ms }) => ms)),
  }
}

/** @throws where the search is refused, as one that takes too long is */
async function ask(url: string, query: Query): Promise<Page> {
  const startedAt = performance.now()
  const response = await fetch(`${url}/search?${new URLSearchParams(query)}`)
  const text = await response.text()
  const ms = performance.now() - startedAt
  if (!response.ok) throw new Error(`${new URLSearchParams(query)}: ${response.status} ${text.slice(0, 300)}`)
  const { results, next } = JSON.parse(text) as { results: readonly unknown[]; next: string | null }
  return { ms, found: results.length, next }
}

function firstLong(name: string): string {
  const words = name.split(' ')
  return words.find((word) => word.length > 3) ?? words[0] ?? name
}

function wordOf(random: Random, count: number): string {
  return commonWords[Math.floor(random() * count)] ?? commonWords[0]
}
