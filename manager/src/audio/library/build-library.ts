import type { mongo } from 'mongoose'
import { liveAudio } from '../../files/audio-fields.ts'
import type { FileRecord } from '../../files/file.model.ts'
import { KEY_BREAK } from '../audio-fields-of.ts'
import { foldText, wordsOf } from '../search-text.ts'
import {
  type AlbumDocument,
  type ArtistDocument,
  albumIdOf,
  albumKey,
  artistIdOf,
  artistOrder,
  type GenreDocument,
  type LibraryCollections,
  UNKNOWN_ALBUM,
  UNKNOWN_ARTIST,
} from './library-documents.ts'

/** So many documents are in memory at once. */
const BATCH = 500
/** The database gives a grouping up that takes longer. */
const MAX_TIME_MS = 60_000
/** An album has the genres of so many of its tracks at most. */
const GENRE_LISTS = 8
const MAX_ALBUM_GENRES = 16
/** Of more genres those with the fewest songs are left out. */
const MAX_GENRES = 5_000

export interface BuildDeps extends LibraryCollections {
  readonly files: mongo.Collection<FileRecord>
}

type Derived = AlbumDocument | ArtistDocument | GenreDocument

/**
 * Derives albums, artists and genres from the tracks that there are. The database groups, and its results pass through here in
 * batches, for the ids and words that it cannot make. Readers meanwhile find old and new ones.
 */
export async function buildLibrary(deps: BuildDeps, generation: number, signal: AbortSignal): Promise<void> {
  const write = { generation, signal }
  await writeAll(groupAlbums(deps), deps.albums, albumOf, write)
  await writeAll(groupArtists(deps, generation), deps.artists, artistOf, write)
  await writeGenres(deps, write)
  const isOlder = { generation: { $lt: generation } }
  for (const derived of [deps.albums, deps.artists, deps.genres]) {
    signal.throwIfAborted()
    await (derived as unknown as mongo.Collection<Derived>).deleteMany(isOlder)
  }
}

interface Write {
  readonly generation: number
  readonly signal: AbortSignal
}

async function writeAll<Group extends object, Document extends Derived>(
  groups: AsyncIterable<Group>,
  collection: mongo.Collection<Document>,
  documentOf: (group: Group) => Omit<Document, 'generation'>,
  { generation, signal }: Write,
): Promise<void> {
  let batch: mongo.AnyBulkWriteOperation<Document>[] = []
  const flush = async (): Promise<void> => {
    signal.throwIfAborted()
    if (batch.length > 0) await collection.bulkWrite(batch, { ordered: false })
    batch = []
  }
  for await (const group of groups) {
    const { _id, ...fields } = documentOf(group)
    const replacement = { ...fields, generation } as unknown as mongo.WithoutId<Document>
    batch.push({ replaceOne: { filter: { _id } as unknown as mongo.Filter<Document>, replacement, upsert: true } })
    if (batch.length === BATCH) await flush()
  }
  await flush()
}

const options = { allowDiskUse: true, maxTimeMS: MAX_TIME_MS, cursor: { batchSize: BATCH } } as const
/** An expired file is absent, though its record is still to be ended. */
const isThere = () => ({ ...liveAudio, $or: [{ expiresAt: null }, { expiresAt: { $gt: new Date() } }] })

interface AlbumGroup {
  readonly _id: readonly [album: string, artist: string]
  readonly name: string | null
  readonly artist: string | null
  readonly year: number
  readonly genres: readonly (readonly string[] | null)[]
  readonly songCount: number
  readonly duration: number
  readonly createdAt: Date
  readonly cover: mongo.ObjectId | null
}

function groupAlbums({ files }: BuildDeps): AsyncIterable<AlbumGroup> {
  return files.aggregate<AlbumGroup>(
    [
      { $match: isThere() },
      {
        $group: {
          _id: { $slice: [{ $split: ['$audio.keys.album', KEY_BREAK] }, 2] },
          name: { $min: '$audio.tags.album' },
          // The artist stands for the one of the album where no track names that.
          artist: { $min: { $ifNull: ['$audio.tags.albumArtist', '$audio.tags.artist'] } },
          year: { $max: '$audio.keys.year' },
          genres: { $firstN: { input: '$audio.tags.genre', n: GENRE_LISTS } },
          songCount: { $sum: 1 },
          duration: { $sum: { $max: [0, '$audio.keys.duration'] } },
          createdAt: { $min: '$createdAt' },
          cover: { $min: { $cond: [{ $gt: ['$audio.cover', null] }, '$_id', null] } },
        },
      },
    ],
    options,
  )
}

function albumOf(group: AlbumGroup): Omit<AlbumDocument, 'generation'> {
  const [album = '', albumArtist = ''] = group._id
  const name = album === '' ? UNKNOWN_ALBUM : (group.name ?? album)
  const artist = albumArtist === '' ? UNKNOWN_ARTIST : (group.artist ?? albumArtist)
  const genres = [...new Set(group.genres.flatMap((list) => list ?? []))].slice(0, MAX_ALBUM_GENRES)
  return {
    _id: albumIdOf(album, albumArtist),
    key: albumKey(album, albumArtist),
    name,
    artist,
    artistId: artistIdOf(albumArtist),
    byName: [foldText(name), albumArtist].join(KEY_BREAK),
    byArtist: [artistOrder(artist), foldText(name)].join(KEY_BREAK),
    year: group.year,
    genres,
    genreKeys: [...new Set(genres.map(foldText))],
    words: wordsOf([name, artist]),
    songCount: group.songCount,
    duration: Math.round(group.duration),
    createdAt: group.createdAt,
    cover: group.cover?.toHexString() ?? null,
  }
}

interface ArtistGroup {
  readonly _id: string
  readonly name: string
  readonly albumCount: number
  readonly cover: string | null
}

function groupArtists({ albums }: BuildDeps, generation: number): AsyncIterable<ArtistGroup> {
  return albums.aggregate<ArtistGroup>(
    [
      { $match: { generation } },
      {
        $group: {
          _id: '$artistId',
          name: { $min: '$artist' },
          albumCount: { $sum: 1 },
          cover: { $min: '$cover' },
        },
      },
    ],
    options,
  )
}

function artistOf({ _id, name, albumCount, cover }: ArtistGroup): Omit<ArtistDocument, 'generation'> {
  return { _id, name, byName: artistOrder(name), words: wordsOf([name]), albumCount, cover }
}

interface Counted {
  readonly _id: string
  readonly count: number
}

async function writeGenres(deps: BuildDeps, write: Write): Promise<void> {
  const most = [{ $sort: { count: -1, _id: 1 } }, { $limit: MAX_GENRES }]
  const songs = deps.files.aggregate<Counted>(
    [
      { $match: { ...isThere(), 'audio.tags.genre.0': { $exists: true } } },
      { $unwind: '$audio.tags.genre' },
      { $group: { _id: '$audio.tags.genre', count: { $sum: 1 } } },
      ...most,
    ],
    options,
  )
  const genres = new Map<string, Omit<GenreDocument, 'generation'>>()
  for await (const { _id: name, count } of songs) {
    const key = foldText(name)
    const known = genres.get(key)
    // The spelling that most songs have comes first.
    genres.set(key, { _id: key, name: known?.name ?? name, songCount: (known?.songCount ?? 0) + count, albumCount: 0 })
  }
  const albums = deps.albums.aggregate<Counted>(
    [
      { $match: { generation: write.generation } },
      { $unwind: '$genreKeys' },
      { $group: { _id: '$genreKeys', count: { $sum: 1 } } },
      ...most,
    ],
    options,
  )
  for await (const { _id: key, count } of albums) {
    const known = genres.get(key)
    if (known !== undefined) genres.set(key, { ...known, albumCount: count })
  }
  await writeAll(inTurn(genres.values()), deps.genres, (genre) => genre, write)
}

async function* inTurn<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  yield* items
}
