import { createLogger } from '@holdfast/shared/node/logger'
import type { mongo } from 'mongoose'
import { beforeAll, expect, test, vi } from 'vitest'
import { waitUntil } from '../../../../test/cluster/wait-until.ts'
import { audioFieldsOf } from '../../../src/audio/audio-fields-of.ts'
import { Library } from '../../../src/audio/library/library.ts'
import {
  albumIdOf,
  artistIdOf,
  type LibraryCollections,
  openLibraryCollections,
  placeInLibrary,
} from '../../../src/audio/library/library-documents.ts'
import { LibraryIndex } from '../../../src/audio/library/library-index.ts'
import { Marks } from '../../../src/audio/library/marks.ts'
import type { AudioMetadata, AudioTags } from '../../../src/audio/metadata/metadata.ts'
import { type Track, TrackList } from '../../../src/audio/track-list.ts'
import type { FileRecord } from '../../../src/files/file.model.ts'
import { newRecord, useDatabase } from '../../mongo/mongo-fixture.ts'

const used = useDatabase()
const log = createLogger('test', 'silent')
let collections: LibraryCollections
let marks: Marks
const files = () => used.model.collection as unknown as mongo.Collection<FileRecord>
const newIndex = () => new LibraryIndex({ ...collections, files: files(), marks, log })
const libraryOf = (index: LibraryIndex) => new Library({ ...collections, tracks: new TrackList(used.model), index })

const metadata: AudioMetadata = {
  ...{ container: 'mp3', codec: 'mp3', duration: 100.4, isEstimated: false, bitRate: 128_000, sampleRate: 44_100 },
  ...{ channels: 2, bitDepth: null, lossless: false, tags: {}, cover: null, flaw: null },
}
function trackOf(name: string, tags: AudioTags, fields: Partial<AudioMetadata> = {}): Track {
  return newRecord(name, { audio: audioFieldsOf({ ...metadata, ...fields, tags }, name) }) as Track
}
const add = (...tracks: Track[]) => files().insertMany(tracks)
const cover = { contentType: 'image/png', size: 5 }

beforeAll(async () => {
  const db = used.model.db.db as mongo.Db
  collections = await openLibraryCollections(db)
  marks = await Marks.open(db)
})

test('albums, artists and genres are those of the tracks, whatever the case, and follow them', async () => {
  const post = { album: 'Post', albumArtist: 'Björk', year: 1995, genre: ['Pop', 'Electronic'] }
  const tracks = [
    trackOf('a', { ...post, title: 'Army of Me', artist: 'Björk', track: 1 }),
    trackOf(
      'b',
      { ...post, title: 'Hyperballad', artist: 'Björk feat. Guest', album: 'POST', albumArtist: 'BJÖRK', track: 2 },
      { cover },
    ),
    trackOf('c', { title: 'Help!', artist: 'The Beatles', album: 'Help!', genre: ['pop'] }, { duration: null }),
    trackOf('d', {}),
  ]
  await add(...tracks, trackOf('gone', { album: 'Gone' }), newRecord('no audio') as Track)
  await files().updateOne({ name: 'gone' as never }, { $set: { expiresAt: new Date(0) } })
  const library = libraryOf(newIndex())
  expect((await library.artists()).map(({ name, albumCount }) => [name, albumCount])).toEqual([
    ['[Unknown Artist]', 1],
    ['The Beatles', 1],
    [expect.stringMatching(/^bj/i), 1],
  ])
  const [album] = await library.findAlbums('bjor post', { count: 9, offset: 0 })
  expect(album).toMatchObject({
    ...{ _id: albumIdOf('post', 'bjork'), artistId: artistIdOf('bjork'), year: 1995 },
    ...{ songCount: 2, duration: 201, genres: ['Pop', 'Electronic'], cover: tracks[1]?._id.toHexString() },
  })
  expect(tracks.slice(0, 2).map(placeInLibrary)).toEqual(
    [1, 2].map(() => ({ albumId: album?._id, artistId: album?.artistId })),
  )
  expect((await library.songsOf(album as never)).map(({ name }) => name)).toEqual(['a', 'b'])
  expect(await library.genres()).toMatchObject([
    { name: 'Pop', songCount: 3, albumCount: 2 },
    { name: 'Electronic', songCount: 2, albumCount: 1 },
  ])

  await files().updateOne({ name: 'c' as never }, { $set: { state: 'deleted' } })
  await add(trackOf('e', { artist: 'Later', album: 'New' }))
  // A library that was asked just now rests for a moment.
  await waitUntil('the new album is there and the deleted one is not', async () => {
    const names = (await library.listAlbums({ kind: 'name' }, { count: 9, offset: 0 })).map(({ name }) =>
      name.toLowerCase(),
    )
    return names.join() === '[unknown album],new,post' || names
  })
  expect(await library.artist(artistIdOf('the beatles'))).toBeNull()
  expect((await library.genres()).map(({ songCount }) => songCount)).toEqual([2, 2])
})

test('several managers at once derive it once, and one that is gone keeps the others from it for a while only', async () => {
  const generation = async () => (await collections.state.findOne({ _id: 'library' }))?.generation ?? 0
  const before = await generation()
  await add(trackOf('f', { artist: 'Another', album: 'Newer' }))
  await Promise.all([newIndex(), newIndex(), newIndex()].map((index) => index.refresh()))
  expect(await collections.albums.countDocuments({ name: 'Newer' })).toBe(1)
  expect((await generation()) - before).toBeLessThanOrEqual(3)

  await collections.state.updateOne({ _id: 'library' }, { $set: { lockedUntil: new Date(Date.now() + 60_000) } })
  await add(trackOf('g', { artist: 'Another', album: 'Newest' }))
  await newIndex().refresh()
  expect(await collections.albums.countDocuments({ name: 'Newest' })).toBe(0)
  // Whose clock is wrong does not take the lock either.
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 })
  await newIndex().refresh()
  vi.useRealTimers()
  expect(await collections.albums.countDocuments({ name: 'Newest' })).toBe(0)
  await collections.state.updateOne({ _id: 'library' }, { $set: { lockedUntil: new Date(Date.now() - 1) } })
  await newIndex().refresh()
  expect(await collections.albums.countDocuments({ name: 'Newest' })).toBe(1)
})

test('an album that is gone takes no place among those that are starred or were played, and may come back', async () => {
  const albums = ['One', 'Two', 'Three'].map((album) => trackOf(album, { album, artist: 'Marked' }))
  await add(...albums)
  await newIndex().refresh()
  for (const [index, track] of albums.entries()) {
    const { albumId } = placeInLibrary(track)
    await marks.star([{ id: albumId, kind: 'album' }])
    await marks.count([{ songId: track._id.toHexString(), albumId, at: new Date(1_000 * index) }])
  }
  const listed = async (...[by, count, offset]: ['starredAt' | 'playCount' | 'playedAt', number, number]) => {
    const ids = (await marks.list('album', by, { count, offset })).map(({ _id }) => _id)
    return ids.map((id) => albums.find((track) => placeInLibrary(track).albumId === id)?.name)
  }
  expect(await listed('starredAt', 2, 0)).toEqual(['Three', 'Two'])
  const setState = (state: string) => files().updateOne({ name: 'Two' as never }, { $set: { state } as never })
  await setState('deleted')
  await newIndex().refresh()
  expect(await listed('starredAt', 2, 0)).toEqual(['Three', 'One'])
  expect(await listed('playedAt', 2, 0)).toEqual(['Three', 'One'])
  expect(await listed('playedAt', 2, 1)).toEqual(['One'])
  expect((await listed('playCount', 2, 0)).sort()).toEqual(['One', 'Three'])
  await setState('live')
  await newIndex().refresh()
  expect(await listed('starredAt', 3, 0)).toEqual(['Three', 'Two', 'One'])
})

test('an album that tells no year is in no list of years', async () => {
  await add(
    trackOf('dated', { album: 'Dated', artist: 'Timeless', year: 1999 }),
    trackOf('undated', { album: 'Undated' }),
  )
  const library = libraryOf(newIndex())
  await library.summary()
  const years = async (from: number, to: number) =>
    (await library.listAlbums({ kind: 'year', from, to }, { count: 500, offset: 0 })).map(({ year }) => year)
  const all = await library.listAlbums({ kind: 'name' }, { count: 500, offset: 0 })
  expect(all.map(({ year }) => year)).toContain(0)
  for (const listed of [await years(0, 3000), await years(3000, 0)]) {
    expect(listed).toContain(1999)
    expect(listed).not.toContain(0)
  }
})

test('lists of albums and artists are read by indexes that have their order, and searches by the words', async () => {
  const library = libraryOf(newIndex())
  await library.summary()
  const db = used.model.db.db as mongo.Db
  await db.command({ profile: 2 })
  const page = { count: 2, offset: 0 }
  await library.listAlbums({ kind: 'newest' }, page)
  await library.listAlbums({ kind: 'name' }, page)
  await library.listAlbums({ kind: 'artist' }, page)
  await library.listAlbums({ kind: 'year', from: 2000, to: 1990 }, page)
  await library.listAlbums({ kind: 'genre', genre: 'POP' }, page)
  await library.findAlbums('post', page)
  await library.findArtists('bj', page)
  const [artist] = await library.artists()
  if (artist !== undefined) await library.albumsBy(artist)
  await db.command({ profile: 0 })
  const namespaces = ['audio_albums', 'audio_artists'].map((name) => `${db.databaseName}.${name}`)
  const reads = await db
    .collection('system.profile')
    .find({ ns: { $in: namespaces }, 'command.find': { $exists: true } })
    .toArray()
  expect(reads.length).toBe(9)
  for (const { planSummary, hasSortStage, command } of reads) {
    expect(planSummary, JSON.stringify(command)).toMatch(/^IXSCAN/)
    // What has words that begin so is sorted afterwards.
    if (!JSON.stringify(command.filter).includes('words')) expect(hasSortStage ?? false).toBe(false)
  }
})
