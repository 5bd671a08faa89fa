import { createHash } from 'node:crypto'
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
import type { Marks } from './marks.ts'

/** This many documents are in memory at once. */
const BATCH = 500
/** The database gives a grouping up that takes longer. */
const MAX_TIME_MS = 60_000
/** An album has the genres of so many of its tracks at most. */
const GENRE_LISTS = 8
const MAX_ALBUM_GENRES = 16
/** A library lists this many genres, and leaves out those with the fewest songs. */
const MAX_GENRES = 5_000

export interface BuildDeps extends LibraryCollections {
  readonly files: mongo.Collection<FileRecord>
  readonly marks: Pick<Marks, 'noteAlbums'>
}

type Derived = AlbumDocument | ArtistDocument | GenreDocument

/** Is called before anything is written or deleted. @throws where another build has begun, or this one is to end */
export type RequireLock = () => Promise<void>

/**
 * Derives albums, artists and genres from the tracks that there are. The database groups, and its results pass through here in
 * batches, for the ids and words that it cannot make. Only what has changed is written. Readers meanwhile find old and new ones.
 */
export async function buildLibrary(deps: BuildDeps, requireLock: RequireLock): Promise<void> {
  const albums = await exchange(deps.albums, groupAlbums(deps), albumOf, requireLock)
  await deps.marks.noteAlbums(albums)
  await exchange(deps.artists, groupArtists(deps), artistOf, requireLock)
  await exchange(deps.genres, await countGenres(deps), (genre) => genre, requireLock)
}

/**
 * Writes the documents of all groups where they differ from those that are there, and deletes all others.
 * @returns the ids of all that there are then
 */
async function exchange<Group extends object, Document extends Derived>(
  collection: mongo.Collection<Document>,
  groups: AsyncIterable<Group> | Iterable<Group>,
  documentOf: (group: Group) => Omit<Document, 'digest'>,
  requireLock: RequireLock,
): Promise<ReadonlySet<string>> {
  const seen = new Set<string>()
  let batch: Document[] = []
  const flush = async (): Promise<void> => {
    await requireLock()
    await writeChanged(collection, batch)
    for (const { _id } of batch) seen.add(_id)
    batch = []
  }
  for await (const group of groups) {
    const document = documentOf(group)
    const digest = createHash('sha256').update(JSON.stringify(document)).digest('base64')
    batch.push({ ...document, digest } as unknown as Document)
    if (batch.length === BATCH) await flush()
  }
  await flush()
  const gone: string[] = []
  for await (const { _id } of collection.find<Pick<Derived, '_id'>>({}, { projection: { _id: 1 } }))
    if (!seen.has(_id)) gone.push(_id)
  for (let start = 0; start < gone.length; start += BATCH) {
    await requireLock()
    await collection.deleteMany(oneOf(gone.slice(start, start + BATCH)))
  }
  return seen
}

async function writeChanged<Document extends Derived>(
  collection: mongo.Collection<Document>,
  batch: readonly Document[],
): Promise<void> {
  const query = oneOf<Document>(batch.map(({ _id }) => _id))
  const known = new Map<string, string>()
  for await (const { _id, digest } of collection.find<Derived>(query, { projection: { digest: 1 } }))
    known.set(_id, digest)
  const changed = batch.filter(({ _id, digest }) => known.get(_id) !== digest)
  if (changed.length === 0) return
  const writes = changed.map((document) => ({
    replaceOne: { filter: oneOf<Document>([document._id]), replacement: document, upsert: true },
  }))
  await collection.bulkWrite(writes as unknown as mongo.AnyBulkWriteOperation<Document>[], { ordered: false })
}

function oneOf<Document extends Derived>(ids: readonly string[]): mongo.Filter<Document> {
  return { _id: ids.length === 1 ? ids[0] : { $in: ids } } as unknown as mongo.Filter<Document>
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

function albumOf(group: AlbumGroup): Omit<AlbumDocument, 'digest'> {
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

function groupArtists({ albums }: BuildDeps): AsyncIterable<ArtistGroup> {
  return albums.aggregate<ArtistGroup>(
    [
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

function artistOf({ _id, name, albumCount, cover }: ArtistGroup): Omit<ArtistDocument, 'digest'> {
  return { _id, name, byName: artistOrder(name), words: wordsOf([name]), albumCount, cover }
}

interface Counted {
  readonly _id: string
  readonly count: number
}

async function countGenres(deps: BuildDeps): Promise<Iterable<Omit<GenreDocument, 'digest'>>> {
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
  const genres = new Map<string, Omit<GenreDocument, 'digest'>>()
  for await (const { _id: name, count } of songs) {
    const key = foldText(name)
    const known = genres.get(key)
    // The spelling that most songs have comes first.
    genres.set(key, { _id: key, name: known?.name ?? name, songCount: (known?.songCount ?? 0) + count, albumCount: 0 })
  }
  const albums = deps.albums.aggregate<Counted>(
    [{ $unwind: '$genreKeys' }, { $group: { _id: '$genreKeys', count: { $sum: 1 } } }, ...most],
    options,
  )
  for await (const { _id: key, count } of albums) {
    const known = genres.get(key)
    if (known !== undefined) genres.set(key, { ...known, albumCount: count })
  }
  return genres.values()
}
