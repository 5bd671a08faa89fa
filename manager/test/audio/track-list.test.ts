import { beforeAll, expect, test } from 'vitest'
import { audioFieldsOf } from '../../src/audio/audio-fields-of.ts'
import type { AudioMetadata } from '../../src/audio/metadata/metadata.ts'
import { placeOfTrack, type SortKey, sortKeys, type TrackFilter, TrackList } from '../../src/audio/track-list.ts'
import { liveAudio } from '../../src/files/audio-fields.ts'
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
  return (await new TrackList(used.model).list(wish)).map(({ name }) => name).join('')
}

test.each<[TrackFilter, string]>([
  [{}, 'abcd'],
  [{ duration: { max: 300 } }, 'ab'],
  [{ duration: { min: 300 } }, 'bc'],
  [{ duration: { min: 300, max: 300 } }, 'b'],
  [{ size: { min: 2_000, max: 3_000 } }, 'bc'],
  [{ bitRate: { max: 1_000_000 } }, 'abc'],
  [{ year: { max: 2_000 } }, 'ab'],
  [{ year: { min: 1995, max: 1995 } }, 'ab'],
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
  [{ text: '.*' }, 'abcd'],
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
  const whole = await lister.list({ filter: {}, order, after: null, limit: 10 })
  expect(whole).toHaveLength(4)
  for (const [index, track] of whole.entries()) {
    const rest = await lister.list({ filter: {}, order, after: placeOfTrack(track, order), limit: 10 })
    expect(rest.map(({ name }) => name)).toEqual(whole.slice(index + 1).map(({ name }) => name))
  }
})

test.each(['name', 'size', 'createdAt', 'audio.keys.duration', 'audio.keys.album'])(
  'a list by %s has its order from an index',
  async (field) => {
    const sort = field === 'name' ? { name: 1 as const } : { [field]: 1 as const, _id: 1 as const }
    const plan = JSON.stringify(await used.model.collection.find(liveAudio).sort(sort).explain())
    expect(plan).not.toContain('"SORT"')
    expect(plan).not.toContain('COLLSCAN')
  },
)
