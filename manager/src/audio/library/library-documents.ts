import { hash } from 'node:crypto'
import type { mongo } from 'mongoose'
import { KEY_BREAK } from '../audio-fields-of.ts'
import { foldText } from '../search-text.ts'
import type { Track } from '../track-list.ts'

/** Tracks that name no album, or no artist, are together under these names. */
export const UNKNOWN_ALBUM = '[Unknown Album]'
export const UNKNOWN_ARTIST = '[Unknown Artist]'
/** Artists are sorted without these words before their name, as the protocol's original does. */
export const ignoredArticles = 'The El La Los Las Le Les'

/**
 * What an album says of itself follows from its tracks, and is derived anew when they change. The digest of all that it says
 * tells whether there is anything to write.
 */
export interface AlbumDocument {
  readonly _id: string
  /** The key `album` of its tracks begins with this. */
  readonly key: string
  readonly name: string
  readonly artist: string
  readonly artistId: string
  /** Lists are sorted by these. */
  readonly byName: string
  readonly byArtist: string
  /** It is 0 where no track tells. */
  readonly year: number
  readonly genres: readonly string[]
  readonly genreKeys: readonly string[]
  readonly words: readonly string[]
  readonly songCount: number
  /** The duration is in seconds. */
  readonly duration: number
  /** Its first track came then. */
  readonly createdAt: Date
  /** This is the id of a track with an embedded picture. */
  readonly cover: string | null
  readonly digest: string
}

/** An artist is who an album is by. */
export interface ArtistDocument {
  readonly _id: string
  readonly name: string
  readonly byName: string
  readonly words: readonly string[]
  readonly albumCount: number
  readonly cover: string | null
  readonly digest: string
}

export interface GenreDocument {
  /** This is the folded name. */
  readonly _id: string
  readonly name: string
  readonly songCount: number
  readonly albumCount: number
  readonly digest: string
}

/** Says of what the library was derived last, and when. */
export interface LibraryState {
  readonly _id: 'library'
  readonly songCount?: number
  readonly newest?: string | null
  readonly builtAt?: Date
  /** Every build has its own, by which it knows whether it still has the lock. */
  readonly generation: number
  /** Whoever began the build knows by this that it was he. */
  readonly builder?: string
  /** Another build begins then at the earliest. */
  readonly lockedUntil?: Date
}

export interface LibraryCollections {
  readonly albums: mongo.Collection<AlbumDocument>
  readonly artists: mongo.Collection<ArtistDocument>
  readonly genres: mongo.Collection<GenreDocument>
  readonly state: mongo.Collection<LibraryState>
}

export async function openLibraryCollections(db: mongo.Db): Promise<LibraryCollections> {
  const collections = {
    albums: db.collection<AlbumDocument>('audio_albums'),
    artists: db.collection<ArtistDocument>('audio_artists'),
    genres: db.collection<GenreDocument>('audio_genres'),
    state: db.collection<LibraryState>('audio_library'),
  }
  const { albums, artists, genres } = collections
  await Promise.all([
    albums.createIndexes([
      { key: { byName: 1 }, name: 'by_name' },
      { key: { byArtist: 1 }, name: 'by_artist' },
      { key: { createdAt: -1, _id: 1 }, name: 'created' },
      { key: { year: 1, byName: 1 }, name: 'year' },
      { key: { genreKeys: 1, byName: 1 }, name: 'genres' },
      { key: { artistId: 1, year: 1, byName: 1 }, name: 'artist' },
      { key: { words: 1, byName: 1 }, name: 'words' },
    ]),
    artists.createIndexes([
      { key: { byName: 1 }, name: 'by_name' },
      { key: { words: 1, byName: 1 }, name: 'words' },
    ]),
    genres.createIndex({ songCount: -1 }, { name: 'songs' }),
  ])
  return collections
}

/** Hashes the folded names, so that every manager makes the same ids, and a rebuilt library keeps them. */
const idOf = (kind: 'al' | 'ar', key: string): string => `${kind}-${hash('sha256', key, 'hex').slice(0, 32)}`

export const albumIdOf = (album: string, artist: string): string => idOf('al', albumKey(album, artist))
export const artistIdOf = (artist: string): string => idOf('ar', artist)
export const isAlbumId = (id: string): boolean => /^al-[0-9a-f]{32}$/.test(id)
export const isArtistId = (id: string): boolean => /^ar-[0-9a-f]{32}$/.test(id)

/** @returns how the key `album` of the tracks of an album begins. Both names are folded. */
export function albumKey(album: string, artist: string): string {
  return `${album}${KEY_BREAK}${artist}${KEY_BREAK}`
}

/** @returns the ids of the album that a track is on, and of the artist whom that album is by */
export function placeInLibrary({ audio }: Pick<Track, 'audio'>): {
  readonly albumId: string
  readonly artistId: string
} {
  const [album = '', artist = ''] = audio.keys.album.split(KEY_BREAK)
  return { albumId: albumIdOf(album, artist), artistId: artistIdOf(artist) }
}

const articles = new Set(foldText(ignoredArticles).split(' '))

/** @returns what an artist is sorted by */
export function artistOrder(name: string): string {
  const folded = foldText(name)
  const [first = '', ...others] = folded.split(' ')
  return others.length > 0 && articles.has(first) ? others.join(' ') : folded
}
