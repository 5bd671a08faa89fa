import type { mongo } from 'mongoose'
import { beforeAll, expect, test } from 'vitest'
import { audioFieldsOf } from '../../../src/audio/audio-fields-of.ts'
import { MAX_SONGS_OF_PLAYLIST, Playlists, playlistId } from '../../../src/audio/library/playlists.ts'
import type { AudioMetadata } from '../../../src/audio/metadata/metadata.ts'
import { TrackList } from '../../../src/audio/track-list.ts'
import { newRecord, useDatabase } from '../../mongo/mongo-fixture.ts'

const used = useDatabase()
let playlists: Playlists
const metadata: AudioMetadata = {
  ...{
    container: 'mp3',
    codec: 'mp3',
    duration: 10,
    isEstimated: false,
    bitRate: null,
    sampleRate: null,
    channels: null,
  },
  ...{ bitDepth: null, lossless: false, tags: {}, cover: null, flaw: null },
}
const records = ['a', 'b', 'c'].map((name) => newRecord(name, { audio: audioFieldsOf(metadata, name) }))
const [a = '', b = '', c = ''] = records.map(({ _id }) => _id.toHexString())

beforeAll(async () => {
  await used.model.collection.insertMany(records as never)
  playlists = new Playlists(used.model.db.db as mongo.Db, new TrackList(used.model))
})
const create = async (...songs: string[]) => playlistId((await playlists.create('mix', songs)).playlist)
const songsOf = async (id: string) => (await playlists.find(id))?.tracks.map(({ name }) => name).join('')

test('a track may stand in it more than once, and places are those of the list as it is shown', async () => {
  const id = await create(a, b, a, c)
  expect(await songsOf(id)).toBe('abac')
  await playlists.change(id, { removed: [0, 3], added: [b], name: 'other', comment: 'words', isPublic: true })
  expect(await songsOf(id)).toBe('bab')
  expect((await playlists.list()).at(-1)).toMatchObject({
    ...{ name: 'other', comment: 'words', isPublic: true, songCount: 3, duration: 30 },
  })
  await playlists.change(id, { songs: [c] })
  expect(await songsOf(id)).toBe('c')
})

test('of changes at the same time none is lost', async () => {
  const id = await create()
  await Promise.all([a, b, c, a].map((song) => playlists.change(id, { added: [song] })))
  expect((await songsOf(id))?.split('').sort().join('')).toBe('aabc')
})

test('what is gone is not in it, and does not shift the places', async () => {
  const id = await create(a, b, c)
  await used.model.collection.updateOne({ name: 'a' }, { $set: { state: 'deleted' } })
  try {
    expect(await songsOf(id)).toBe('bc')
    expect((await playlists.find(id))?.playlist.duration).toBe(20)
    await playlists.change(id, { removed: [0] })
    expect(await songsOf(id)).toBe('c')
  } finally {
    await used.model.collection.updateOne({ name: 'a' }, { $set: { state: 'live' } })
  }
})

test('a song that is not there, too many songs, and an id that is none are refused', async () => {
  const id = await create(a)
  for (const song of ['f'.repeat(24), 'no id', ''])
    await expect(playlists.change(id, { added: [song] })).rejects.toMatchObject({ name: 'FILE_NOT_FOUND' })
  const many = Array.from({ length: MAX_SONGS_OF_PLAYLIST }, () => b)
  await playlists.change(id, { songs: many })
  await expect(playlists.change(id, { added: [b] })).rejects.toMatchObject({ name: 'TOO_LARGE' })
  await expect(playlists.create('more', [...many, b])).rejects.toMatchObject({ name: 'TOO_LARGE' })
  for (const none of ['', 'pl-', `pl-${'0'.repeat(24)}`, a]) {
    expect(await playlists.find(none)).toBeNull()
    expect(await playlists.change(none, { name: 'x' })).toBeNull()
    expect(await playlists.delete(none)).toBe(false)
  }
  expect(await playlists.delete(id)).toBe(true)
})
