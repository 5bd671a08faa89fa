import { expect, test } from 'vitest'
import { describeSong } from '../../../src/api/subsonic/describe.ts'
import { audioFieldsOf } from '../../../src/audio/audio-fields-of.ts'
import { artistIdOf } from '../../../src/audio/library/library-documents.ts'
import type { AudioTags } from '../../../src/audio/metadata/metadata.ts'
import type { Track } from '../../../src/audio/track-list.ts'
import { newRecord } from '../../mongo/mongo-fixture.ts'

const metadata = {
  ...{ container: 'mp3' as const, codec: 'mp3', duration: 10, isEstimated: false, bitRate: 64_000, sampleRate: 8_000 },
  ...{ channels: 1, bitDepth: null, lossless: false, cover: null, flaw: null },
}
const describe = (tags: AudioTags) =>
  describeSong({ ...newRecord('x.mp3'), audio: audioFieldsOf({ ...metadata, tags }, 'x.mp3') } as Track, new Map())

test('the artist of a track on a compilation has no id, for that of the album is of another artist', () => {
  const song = describe({ artist: 'Queen', albumArtist: 'Various Artists', album: 'Hits' })
  expect(song).toMatchObject({ artist: 'Queen', albumArtists: [{ id: artistIdOf('various artists') }] })
  expect(song.artistId).toBeUndefined()
})

test.each([
  [{ artist: 'Queen', album: 'Jazz' }, 'queen'],
  [{ artist: 'Björk', albumArtist: 'BJORK', album: 'Post' }, 'bjork'],
  [{ albumArtist: 'Queen', album: 'Jazz' }, 'queen'],
])('the artist of %j has the id of the artist %s', (tags, artist) => {
  expect(describe(tags).artistId).toBe(artistIdOf(artist))
})
