import { randomUUID } from 'node:crypto'
import { beforeEach, expect } from 'vitest'
import { testInFull } from '../../../../test/full-run.ts'
import { planSearch, type SearchPlan, type SearchWish } from '../../../src/peers/users/search-terms.ts'
import { describeTrack, type TrackDocument, TrackRecords } from '../../../src/peers/users/track-records.ts'
import { useDatabase } from '../../mongo/mongo-fixture.ts'

const used = useDatabase()
const collection = () => used.database.connection.collection<TrackDocument>('peer_tracks')
let records: TrackRecords

beforeEach(async () => {
  await collection().deleteMany({})
  records = new TrackRecords(used.database)
  await records.prepare()
})

/** @param number says which content it is */
function track(number: number, fields: Partial<TrackDocument> = {}): TrackDocument {
  const { song = 'Song', artist = 'Artist', album = 'Album', year = null } = fields
  const checksum = number.toString(16).padStart(8, '0')
  const described = describeTrack({ song, artist, album, year, duration: null, fileSize: 1, checksum })
  return { _id: randomUUID(), user: randomUUID(), isOnline: true, ...described, ...fields }
}

function planOf(wish: SearchWish): SearchPlan {
  const plan = planSearch(wish)
  if (plan === null) throw new Error('no plan')
  return plan
}

/** Reads page after page, and @returns how long they are, and what is in them */
async function readAll(plan: SearchPlan, limit: number) {
  const [lengths, contents]: [number[], string[]] = [[], []]
  for (let after: string | null = null; ; ) {
    const { tracks, next } = await records.search(plan, { limit, after })
    lengths.push(tracks.length)
    contents.push(...tracks.map(({ content }) => content))
    if (next === null) return { lengths, contents }
    if (after !== null && next <= after) throw new Error('the pages do not go on')
    after = next
  }
}

testInFull('finds what fulfils a plan and nothing else, on whatever pages', async () => {
  const words = ['the', 'love', 'night', 'nights', 'a', 'rarely', 'rare', 'forever']
  const any = (seed: number) => words[seed % words.length] ?? ''
  const stored = Array.from({ length: 400 }, (_, number) =>
    track(number % 150, {
      song: `${any(number)} ${any(number * 7 + 3)} ${any(number >> 3)}`,
      artist: `${any(number * 5 + 1)} ${any(number >> 4)}`,
      album: any(number * 3),
      year: 1_980 + (number % 5),
      isOnline: number % 3 !== 0,
    }),
  )
  await collection().insertMany(stored)
  const fulfils = (plan: SearchPlan, terms: readonly string[]) =>
    plan.every((anyOf) =>
      anyOf.some((condition) =>
        'exact' in condition
          ? terms.includes(condition.exact)
          : terms.some((term) => term.startsWith(condition.beginning)),
      ),
    )
  const wishes: SearchWish[] = [
    ...[{ song: 'the' }, { song: 'night' }, { song: 'love night' }, { artist: 'a', song: 'rare forever' }],
    ...[{ q: 'the' }, { q: 'night love' }, { q: 'forev 1983' }, { album: 'nights', year: 1_982 }, { q: 'n r l t' }],
    ...[{ song: 'nothing' }, { song: 'the', artist: 'nothing' }],
  ]
  for (const wish of wishes) {
    const plan = planOf(wish)
    const matching = stored.filter(({ terms, isOnline }) => isOnline && fulfils(plan, terms))
    const expected = [...new Set(matching.map(({ content }) => content))].sort()
    for (const limit of [1, 7, 100]) {
      const { contents, lengths } = await readAll(plan, limit)
      expect({ wish, contents }).toEqual({ wish, contents: expected })
      expect(Math.max(...lengths)).toBeLessThanOrEqual(limit)
    }
  }
})

testInFull('common words that are hardly ever together are looked for in pages, some of them empty', async () => {
  const many = Array.from({ length: 20_000 }, (_, number) => track(number, { song: number % 2 === 0 ? 'one' : 'two' }))
  await collection().insertMany([...many, track(30_000, { song: 'two one' })])
  const { lengths, contents } = await readAll(planOf({ song: 'one two' }), 50)
  expect(contents).toEqual(['00007530/1'])
  expect(lengths.length).toBeGreaterThan(1)
  expect(lengths.length).toBeLessThan(5)
  expect((await readAll(planOf({ song: 'two', artist: 'rare' }), 50)).lengths).toEqual([0])
})

testInFull('of a file that thousands have one is found, by what its user tells of it', async () => {
  const copies = Array.from({ length: 3_000 }, (_, number) =>
    track(1, { song: number === 2_500 ? 'other name' : 'usual' }),
  )
  await collection().insertMany([...copies, track(2, { song: 'usual' })])
  expect((await readAll(planOf({ song: 'usual' }), 1)).contents).toEqual(['00000001/1', '00000002/1'])
  const { tracks } = await records.search(planOf({ song: 'other' }), { limit: 10, after: null })
  expect(tracks.map(({ song }) => song)).toEqual(['other name'])
  expect((await records.findSources(['00000001/1', '00000002/1', 'none/1'], 50)).get('00000001/1')).toHaveLength(50)
})
