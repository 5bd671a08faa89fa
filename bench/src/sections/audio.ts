import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fillLibrary } from '../library/fill-library.ts'
import { type AskKind, KnownValues, listAsks, pageAsks } from '../library/list-asks.ts'
import { encode, type KnownLibrary, subsonicAsks } from '../library/subsonic-asks.ts'
import type { Plan } from '../plan.ts'
import { startHoldfast } from '../processes/start-holdfast.ts'
import { type AskTimes, quantileOf } from '../result.ts'

const FOREVER_MS = '2000000000'
const credentials = { u: 'bench', p: 'a long password', v: '1.16.1', c: 'bench', f: 'json' } as const
const settings = {
  SUBSONIC_USER: credentials.u,
  SUBSONIC_PASSWORD: credentials.p,
  // The file-servers have none of the bytes that the records name, and nobody is to look for them.
  UPKEEP_EVERY_MS: FOREVER_MS,
  RECONCILE_EVERY_MS: FOREVER_MS,
}
/** The first turns of each question are not measured. */
const WARM_TURNS = 5
const LARGEST_PAGE = 1_000
/** A list is read to its end in these orders, for the cursors of its pages. */
const pagedOrders = ['name', '-uploadedAt', 'duration', 'artist']
const MARKED = 200
const DERIVE_LIMIT_MS = 300_000
const POLL_MS = 200

/** Measures lists of tracks and the calls of players in a large library, one question at a time. */
export async function measureAudio(directory: string, plan: Plan, report: (line: string) => void): Promise<AskTimes[]> {
  report(`starting one for ${plan.trackCount.toLocaleString('en')} tracks`)
  await using holdfast = await startHoldfast(join(directory, 'audio'), 1, { settings })
  const { url, mongoUrl } = holdfast
  const known = new KnownValues(await fillLibrary(mongoUrl, plan.trackCount))
  report('reading whole lists')
  const cursors: Record<string, readonly string[]> = {}
  for (const order of pagedOrders) cursors[order] = await readList(url, order, plan.trackCount)
  const library = await knowLibrary(url, plan.trackCount)
  await mark(url, known)
  const asks = [...listAsks(known), ...pageAsks(cursors), ...subsonicAsks(known, library, credentials)]
  const times: AskTimes[] = []
  let group = ''
  for (const kind of asks) {
    if (kind.group !== group) report(`asking for ${kind.group}`)
    group = kind.group
    times.push(await measureAsk(url, kind, plan.askCount))
  }
  return times
}

async function measureAsk(url: string, { group, what, target }: AskKind, count: number): Promise<AskTimes> {
  const ms: number[] = []
  for (let turn = 0; turn < WARM_TURNS + count; turn++) {
    const startedAt = performance.now()
    const response = await fetch(`${url}${target(turn)}`)
    const body = await response.text()
    if (turn >= WARM_TURNS) ms.push(performance.now() - startedAt)
    requireOk(target(turn), response.status, body)
  }
  return { group, what, count, p50Ms: quantileOf(ms, 0.5), p99Ms: quantileOf(ms, 0.99) }
}

/** @returns the cursors of a list's pages. @throws where the list has not every track once */
async function readList(url: string, sort: string, trackCount: number): Promise<string[]> {
  const cursors: string[] = []
  const names = new Set<string>()
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: ListPage = await readJson(
      `${url}/list?${encode({ sort, limit: LARGEST_PAGE, ...(cursor !== '' && { cursor }) })}`,
    )
    for (const { name } of page.files) names.add(name)
    cursor = page.next
    if (cursor !== null) cursors.push(cursor)
  }
  if (names.size !== trackCount) throw new Error(`a list by ${sort} has ${names.size} of ${trackCount} tracks`)
  return cursors.length > 0 ? cursors : ['']
}

interface ListPage {
  readonly files: readonly { readonly name: string }[]
  readonly next: string | null
}

/** Stars and plays some tracks, so that there is something to list. */
async function mark(url: string, known: KnownValues): Promise<void> {
  for (let turn = 0; turn < MARKED; turn++) {
    const { id } = known.track(turn)
    await callRest(url, 'scrobble', { id })
    const { song } = await callRest<{ song: { albumId: string; artistId: string } }>(url, 'getSong', { id })
    await callRest(url, 'star', { id, albumId: song.albumId, artistId: song.artistId })
  }
}

/** Waits until albums and artists are derived, and lists them. */
async function knowLibrary(url: string, songCount: number): Promise<KnownLibrary> {
  const deadline = performance.now() + DERIVE_LIMIT_MS
  for (let count = -1; count !== songCount; ) {
    if (performance.now() > deadline) throw new Error(`albums and artists were not derived: ${count} songs`)
    await delay(POLL_MS)
    count = (await callRest<{ scanStatus: { count: number } }>(url, 'getScanStatus', {})).scanStatus.count
  }
  const albumIds: string[] = []
  for (let isWhole = false; !isWhole; ) {
    const page = { type: 'alphabeticalByName', size: 500, offset: albumIds.length }
    const { albumList2 } = await callRest<{ albumList2: { album: { id: string }[] } }>(url, 'getAlbumList2', page)
    albumIds.push(...albumList2.album.map(({ id }) => id))
    isWhole = albumList2.album.length < page.size
  }
  const { artists } = await callRest<{ artists: { index: { artist: { id: string }[] }[] } }>(url, 'getArtists', {})
  const artistIds = artists.index.flatMap(({ artist }) => artist.map(({ id }) => id))
  if (albumIds.length === 0 || artistIds.length === 0) throw new Error('the library has no albums, or no artists')
  return { songCount, albumCount: albumIds.length, albumIds, artistIds }
}

async function callRest<Answer>(
  url: string,
  method: string,
  parameters: Readonly<Record<string, string | number>>,
): Promise<Answer> {
  const answer = await readJson<{ 'subsonic-response': Answer }>(
    `${url}/rest/${method}?${encode({ ...credentials, ...parameters })}`,
  )
  return answer['subsonic-response']
}

async function readJson<Answer>(target: string): Promise<Answer> {
  const response = await fetch(target)
  const body = await response.text()
  requireOk(target, response.status, body)
  return JSON.parse(body) as Answer
}

/** What the protocol of players refuses comes with status 200. */
function requireOk(target: string, status: number, body: string): void {
  if (status !== 200 || body.startsWith('{"subsonic-response":{"status":"failed"'))
    throw new Error(`${target}: ${status} ${body.slice(0, 300)}`)
}
