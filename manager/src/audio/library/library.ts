import type { mongo } from 'mongoose'
import { askDatabase } from '../../mongo/database.ts'
import { foldText, wordsOf } from '../search-text.ts'
import type { Track, TrackList } from '../track-list.ts'
import { beginsWith } from '../track-query.ts'
import type { AlbumDocument, ArtistDocument, GenreDocument, LibraryCollections } from './library-documents.ts'
import type { LibraryIndex } from './library-index.ts'

/** A whole list has only so many artists, the first ones. A search finds the others, too. */
const MAX_ARTISTS = 20_000
const MAX_ALBUMS_OF_ARTIST = 2_000
/** An album, or what is known of no album, is cut after so many tracks. */
const MAX_SONGS_OF_ALBUM = 2_000

/** Tells which part of a list is wanted. */
export interface Page {
  readonly count: number
  readonly offset: number
}

/** These orders of albums follow from the library itself. */
export type AlbumOrder =
  | { readonly kind: 'newest' | 'name' | 'artist' | 'random' }
  | { readonly kind: 'year'; readonly from: number; readonly to: number }
  | { readonly kind: 'genre'; readonly genre: string }

export interface LibraryDeps extends LibraryCollections {
  readonly tracks: TrackList
  readonly index: LibraryIndex
}

/** Answers for albums, artists and genres from what was derived, and for tracks from their records. */
export class Library {
  readonly #deps: LibraryDeps

  constructor(deps: LibraryDeps) {
    this.#deps = deps
  }

  /** @returns how many tracks there were when the library was derived last, and when that was */
  async summary(): Promise<{ readonly songCount: number; readonly builtAt: Date }> {
    await this.#deps.index.refresh()
    const state = await this.#deps.index.state()
    return { songCount: state?.songCount ?? 0, builtAt: state?.builtAt ?? new Date(0) }
  }

  async artists(): Promise<ArtistDocument[]> {
    await this.#deps.index.refresh()
    return this.#list(this.#deps.artists, {}, { byName: 1 }, { count: MAX_ARTISTS, offset: 0 })
  }

  async genres(): Promise<GenreDocument[]> {
    await this.#deps.index.refresh()
    return askDatabase(() => this.#deps.genres.find().sort({ songCount: -1 }).toArray())
  }

  async artist(id: string): Promise<ArtistDocument | null> {
    return (await this.artistsOf([id])).get(id) ?? null
  }

  async album(id: string): Promise<AlbumDocument | null> {
    return (await this.albumsOf([id])).get(id) ?? null
  }

  async artistsOf(ids: readonly string[]): Promise<Map<string, ArtistDocument>> {
    return this.#byId(this.#deps.artists, ids)
  }

  async albumsOf(ids: readonly string[]): Promise<Map<string, AlbumDocument>> {
    return this.#byId(this.#deps.albums, ids)
  }

  albumsBy({ _id }: ArtistDocument): Promise<AlbumDocument[]> {
    const page = { count: MAX_ALBUMS_OF_ARTIST, offset: 0 }
    return this.#list(this.#deps.albums, { artistId: _id }, { year: 1, byName: 1 }, page)
  }

  /** @returns the tracks of an album in their order */
  async songsOf({ key }: AlbumDocument): Promise<readonly Track[]> {
    const order = { by: 'album', isDescending: false } as const
    const wish = { filter: { albumKey: key }, order, after: null, limit: MAX_SONGS_OF_ALBUM }
    return (await this.#deps.tracks.list(wish)).tracks
  }

  async listAlbums(order: AlbumOrder, page: Page): Promise<AlbumDocument[]> {
    await this.#deps.index.refresh()
    const { albums } = this.#deps
    switch (order.kind) {
      case 'random':
        return askDatabase(() => albums.aggregate<AlbumDocument>([{ $sample: { size: page.count } }]).toArray())
      case 'newest':
        return this.#list(albums, {}, { createdAt: -1, _id: 1 }, page)
      case 'name':
        return this.#list(albums, {}, { byName: 1 }, page)
      case 'artist':
        return this.#list(albums, {}, { byArtist: 1 }, page)
      case 'genre':
        return this.#list(albums, { genreKeys: foldText(order.genre) }, { byName: 1 }, page)
      case 'year': {
        // The year of an album that tells none is 0.
        const [least, most] = [Math.max(Math.min(order.from, order.to), 1), Math.max(order.from, order.to)]
        const direction = order.from > order.to ? -1 : 1
        return this.#list(albums, { year: { $gte: least, $lte: most } }, { year: direction, byName: direction }, page)
      }
      default:
        return order satisfies never
    }
  }

  /** @returns the artists whose names have words that begin so, or all of them where no words are given */
  async findArtists(text: string, page: Page): Promise<ArtistDocument[]> {
    if (page.count === 0) return []
    await this.#deps.index.refresh()
    return this.#list(this.#deps.artists, hasWords(text), { byName: 1 }, page)
  }

  /** The words may stand in the name of the album or of its artist. */
  async findAlbums(text: string, page: Page): Promise<AlbumDocument[]> {
    if (page.count === 0) return []
    await this.#deps.index.refresh()
    return this.#list(this.#deps.albums, hasWords(text), { byName: 1 }, page)
  }

  /** Lists tracks by name. */
  async findSongs(filter: { readonly text?: string; readonly genre?: string }, page: Page): Promise<readonly Track[]> {
    if (page.count === 0) return []
    const order = { by: 'name', isDescending: false } as const
    const wish = { filter, order, after: page.offset, limit: page.count }
    return (await this.#deps.tracks.list(wish)).tracks
  }

  async #byId<Document extends { readonly _id: string }>(
    collection: mongo.Collection<Document>,
    ids: readonly string[],
  ): Promise<Map<string, Document>> {
    const unique = [...new Set(ids)]
    const isOne = { _id: { $in: unique } } as unknown as mongo.Filter<Document>
    const find = () => askDatabase(() => collection.find<Document>(isOne).toArray())
    let found = await find()
    // One that is not there may be that of a track which came just now.
    if (found.length < unique.length) {
      await this.#deps.index.refresh()
      found = await find()
    }
    return new Map(found.map((document) => [document._id, document]))
  }

  #list<Document extends AlbumDocument | ArtistDocument>(
    collection: mongo.Collection<Document>,
    filter: object,
    sort: mongo.Sort,
    { count, offset }: Page,
  ): Promise<Document[]> {
    if (count === 0) return Promise.resolve([])
    const query = collection.find<Document>(filter as mongo.Filter<Document>, { projection: { words: 0 } })
    return askDatabase(() => query.sort(sort).skip(offset).limit(count).toArray())
  }
}

function hasWords(text: string): object {
  const words = wordsOf([text]).map((word) => beginsWith('words', word))
  return words.length === 0 ? {} : { $and: words }
}
