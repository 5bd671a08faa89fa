import { beforeAll, expect, test, vi } from 'vitest'
import { audioFieldsOf } from '../../src/audio/audio-fields-of.ts'
import type { AudioMetadata } from '../../src/audio/metadata/metadata.ts'
import { TrackList } from '../../src/audio/track-list.ts'
import { listQuery, placeOfTrack, type SortKey, sortKeys, type TrackFilter } from '../../src/audio/track-query.ts'
import { prepareFileModel } from '../../src/files/file.model.ts'
import { newRecord, useDatabase } from '../mongo/mongo-fixture.ts'

const used = useDatabase()

const plain: AudioMetadata = {
  container: 'mp3',
  codec: 'mp3',
  duration: 100,
  isEstimated: false,
  bitRate: 128_000,
  sampleRate: 44_100,
  channels: 2,
  bitDepth: null,
  lossless: false,
  tags: {},
  cover: null,
  flaw: null,
}
const unknown = { duration: null, bitRate: null, sampleRate: null, channels: null }
const tracks: Readonly<Record<string, Partial<AudioMetadata>>> = {
  a: {
    duration: 60,
    tags: { title: 'Ålesund', artist: 'Björk', album: 'Post', track: 10, year: 1995, genre: ['Pop'] },
  },
  b: { duration: 300, tags: { title: 'Hyperballad', artist: 'BJÖRK', album: 'Post', track: 2, year: 1995 } },
  c: { duration: 301, codec: 'flac', container: 'flac', lossless: true, sampleRate: 96_000, channels: 6 },
  d: { ...unknown, tags: { title: 'Posted', album: 'Post Mortem', genre: ['Pop', 'Folk'] } },
}

beforeAll(async () => {
  const records = Object.entries(tracks).map(([name, metadata], index) =>
    newRecord(name, {
      audio: audioFieldsOf({ ...plain, ...metadata }, name),
      size: 1_000 * (index + 1),
      createdAt: new Date(`2026-11-0${index + 1}T12:00:00Z`),
    }),
  )
  const [first] = records
  const others = [
    newRecord('no audio'),
    newRecord('deleted', { state: 'deleted', ...(first?.audio && { audio: first.audio }) }),
    newRecord('expired', { expiresAt: new Date(Date.now() - 1_000), ...(first?.audio && { audio: first.audio }) }),
  ]
  await used.model.collection.insertMany([...records, ...others] as never)
})

const list = async (filter: TrackFilter, by: SortKey = 'name') => {
  const wish = { filter, order: { by, isDescending: false }, after: null, limit: 10 }
  return (await new TrackList(used.model).list(wish)).tracks.map(({ name }) => name).join('')
}

test.each<[TrackFilter, string]>([
  [{}, 'abcd'],
  [{ duration: { max: 300 } }, 'ab'],
  [{ duration: { min: 300 } }, 'bc'],
  [{ duration: { min: 300, max: 300 } }, 'b'],
  [{ size: { min: 2_000, max: 3_000 } }, 'bc'],
  [{ bitRate: { max: 1_000_000 } }, 'abc'],
  [{ year: { min: 1 } }, 'ab'],
  [{ year: { min: 1995, max: 1995 } }, 'ab'],
  [{ year: { min: 0 } }, 'ab'],
  [{ year: { min: 0, max: 0 } }, ''],
  [{ bitRate: { min: 0 } }, 'abc'],
  [{ bitRate: { max: 0 } }, ''],
  [{ sampleRate: { min: 48_000 } }, 'c'],
  [{ channels: { min: 6, max: 6 } }, 'c'],
  [{ channels: { max: 5 } }, 'ab'],
  [{ codec: 'flac' }, 'c'],
  [{ container: 'mp3' }, 'abd'],
  [{ lossless: true }, 'c'],
  [{ lossless: false }, 'abd'],
  [{ artist: 'bjork' }, 'ab'],
  [{ artist: 'bjor' }, ''],
  [{ album: 'POST' }, 'ab'],
  [{ album: 'post mortem' }, 'd'],
  [{ genre: 'pop' }, 'ad'],
  [{ genre: 'folk', album: 'post' }, ''],
  [{ text: 'post' }, 'abd'],
  [{ text: 'HYPER bjö' }, 'b'],
  [{ text: 'ales' }, 'a'],
  [{ text: '.*' }, ''],
  [{ text: 'post ?' }, 'abd'],
  [{ uploaded: { since: new Date('2026-11-03') } }, 'cd'],
  [{ uploaded: { until: new Date('2026-11-02') } }, 'a'],
  [{ verdict: 'unknown', lossless: false, duration: { min: 100 } }, 'b'],
  [{ verdict: 'damaged' }, ''],
])('%j lets through "%s"', async (filter, expected) => {
  expect(await list(filter)).toBe(expected)
})

test('an album is in the order of its tracks, and what has no album comes first', async () => {
  expect(await list({}, 'album')).toBe('cbad')
})

test.each(
  sortKeys.flatMap((by) => [
    { by, isDescending: false },
    { by, isDescending: true },
  ]),
)('a list by $by (descending: $isDescending) goes on after any of its tracks', async (order) => {
  const lister = new TrackList(used.model)
  const { tracks: whole, hasMore } = await lister.list({ filter: {}, order, after: null, limit: 4 })
  expect([whole.length, hasMore]).toEqual([4, false])
  for (const [index, track] of whole.entries()) {
    const wish = { filter: {}, order, after: placeOfTrack(track, order), limit: 2 }
    const left = whole.slice(index + 1).map(({ name }) => name)
    const { tracks: rest, hasMore } = await lister.list(wish)
    expect([rest.map(({ name }) => name), hasMore]).toEqual([left.slice(0, 2), left.length > 2])
    const skipping = await lister.list({ filter: {}, order, after: index + 1, limit: 10 })
    expect(skipping.tracks.map(({ name }) => name)).toEqual(left)
  }
})

test('pages that are asked for by number go on where the last one ended, also when a track before them is deleted', async () => {
  const order = { by: 'name', isDescending: false } as const
  const { collection } = used.model
  const lister = new TrackList(used.model)
  const page = async (after: number, of = lister, filter: TrackFilter = {}) =>
    (await of.list({ filter, order, after, limit: 2 })).tracks.map(({ name }) => name).join('')
  expect(await page(0)).toBe('ab')
  await collection.updateOne({ name: 'a' }, { $set: { state: 'deleted' } })
  try {
    expect(await page(2)).toBe('cd')
    // Nobody has listed so far under these, so the tracks before the page are counted.
    expect(await page(2, new TrackList(used.model))).toBe('d')
    expect(await page(2, lister, { lossless: false })).toBe('')
    // A list that begins again is as the tracks are now.
    expect([await page(0), await page(2)]).toEqual(['bc', 'd'])
  } finally {
    await collection.updateOne({ name: 'a' }, { $set: { state: 'live' } })
  }
})

test.each([1, 2, 3, 10])('a jump to any number finds the same tracks with strides of %i', async (stride) => {
  for (const isDescending of [false, true]) {
    const order = { by: 'name', isDescending } as const
    const lister = new TrackList(used.model, stride)
    const names = isDescending ? 'dcba' : 'abcd'
    for (const after of [3, 0, 2, 1, 4, 99, 2, 3]) {
      const { tracks, hasMore } = await lister.list({ filter: {}, order, after, limit: 2 })
      const found = [tracks.map(({ name }) => name).join(''), hasMore]
      expect(found, String(after)).toEqual([names.slice(after, after + 2), after < 2])
    }
  }
})

test('a jump goes on from the nearest place before it that was counted just now', async () => {
  const order = { by: 'name', isDescending: false } as const
  const { collection } = used.model
  const lister = new TrackList(used.model)
  const page = async (after: number, limit: number) =>
    (await lister.list({ filter: {}, order, after, limit })).tracks.map(({ name }) => name).join('')
  expect(await page(0, 1)).toBe('a')
  await collection.updateOne({ name: 'a' }, { $set: { state: 'deleted' } })
  try {
    expect(await page(3, 2)).toBe('d')
  } finally {
    await collection.updateOne({ name: 'a' }, { $set: { state: 'live' } })
  }
})

const facts: TrackFilter = {
  ...{ duration: { min: 300 }, size: { min: 1 }, bitRate: { min: 1 }, year: { min: 1 }, sampleRate: { min: 1 } },
  ...{ channels: { max: 2 }, uploaded: { since: new Date(0) }, codec: 'mp3', container: 'mp3', lossless: false },
  verdict: 'unknown',
}

test.each(sortKeys)('an index alone tells which tracks a list by %s has, whatever it is filtered by', async (by) => {
  const { query, sort } = listQuery(facts, { by, isDescending: true }, null)
  const { hint = '' } = listQuery({}, { by, isDescending: true }, null)
  const find = used.model.collection.find(query, { projection: { _id: 1 }, sort, hint })
  const { executionStats, queryPlanner } = (await find.explain()) as { executionStats: object; queryPlanner: object }
  expect(executionStats).toMatchObject({ nReturned: 1, totalDocsExamined: 0 })
  expect(JSON.stringify(queryPlanner)).not.toContain('"SORT"')
})

test.each([{}, { genre: 'folk' }])('of a page with the filter %j only its own documents are read', async (filter) => {
  const { query, ...options } = listQuery(filter, { by: 'name', isDescending: false }, null)
  expect(options.hint).toBeDefined()
  const explained = await used.model.collection.find(query, { ...options, limit: 1 }).explain()
  const { executionStats } = explained as { executionStats: object }
  expect(executionStats).toMatchObject({ nReturned: 1, totalDocsExamined: 1 })
})

test.each([{}, { genre: 'pop' }])(
  'of tracks with the filter %j that are passed over no document is read',
  async (filter) => {
    const place = { value: 'a', id: 'ff'.repeat(12) }
    const { query, ...options } = listQuery(filter, { by: 'name', isDescending: false }, place)
    const find = used.model.collection.find(query, { ...options, projection: { _id: 1, name: 1 }, limit: 1 })
    const { executionStats } = (await find.explain()) as { executionStats: object }
    expect(executionStats).toMatchObject({ nReturned: 1, totalDocsExamined: 0 })
  },
)

test('a track that is deleted while a list is read ends no list', async () => {
  const order = { by: 'name', isDescending: false } as const
  const { collection } = used.model
  const lister = new TrackList(used.model)
  // All have this, but MongoDB chooses the index, so that documents are read after it.
  const filter = { size: { min: 0 } }
  const gone = await lister.list({ filter, order, after: null, limit: 2 })
  const find = vi.spyOn(collection, 'find')
  find.mockImplementationOnce(() => ({ toArray: async () => gone.tracks }) as never)
  const all = { _id: { $in: gone.tracks.map(({ _id }) => _id) } }
  await collection.updateMany(all, { $set: { state: 'deleted' } })
  try {
    const { tracks, hasMore } = await lister.list({ filter, order, after: null, limit: 1 })
    expect([tracks.map(({ name }) => name), hasMore]).toEqual([['c'], true])
  } finally {
    find.mockRestore()
    await collection.updateMany(all, { $set: { state: 'live' } })
  }
})

test('tracks are chosen by chance, each once and in any order, of those that the filter lets through', async () => {
  const lister = new TrackList(used.model)
  const chosen = async (filter: TrackFilter, count: number) =>
    (await lister.sample(filter, count)).map(({ name }) => name)
  expect((await chosen({}, 10)).sort()).toEqual(['a', 'b', 'c', 'd'])
  expect((await chosen({ year: { min: 1995 } }, 10)).sort()).toEqual(['a', 'b'])
  expect(await chosen({ genre: 'folk' }, 10)).toEqual(['d'])
  const firsts = new Set<string>()
  for (let times = 0; times < 200 && firsts.size < 4; times++) for (const name of await chosen({}, 1)) firsts.add(name)
  expect(firsts.size).toBe(4)
  const orders = new Set<string>()
  for (let times = 0; times < 500 && orders.size < 24; times++) orders.add((await chosen({}, 4)).join(''))
  expect(orders.size).toBe(24)
})

test('an index that an earlier version made is dropped', async () => {
  const { collection } = used.model
  await collection.createIndex({ name: 1, 'audio.keys.duration': 1 }, { name: 'audio_name' })
  await prepareFileModel(used.database.connection)
  const names = (await collection.indexes()).map(({ name }) => name)
  expect(names).not.toContain('audio_name')
  expect(names).toContain('audio_order_name')
})
