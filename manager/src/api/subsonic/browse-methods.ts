import { type ArtistDocument, artistOrder, ignoredArticles } from '../../audio/library/library-documents.ts'
import type { Payload } from './answer.ts'
import { byId, type Call, kindOf, type Methods, MUSIC_FOLDER, notFound, songsWithMarks, withMarks } from './call.ts'
import { describeAlbum, describeAlbumFolder, describeArtist, describeArtistFolder, type MarksById } from './describe.ts'

/** A list of all artists looks at no more stars of artists than these. */
const MAX_STARS = 5_000

export const browseMethods: Methods = {
  async getArtists(call) {
    return { artists: { ignoredArticles, index: await indexOf(call, describeArtist) } }
  },

  async getIndexes(call) {
    const { builtAt } = await call.deps.library.summary()
    const known = { lastModified: builtAt.getTime(), ignoredArticles }
    if (call.parameters.count('ifModifiedSince', 0, Number.MAX_SAFE_INTEGER) >= builtAt.getTime())
      return { indexes: known }
    return { indexes: { ...known, index: await indexOf(call, describeArtistFolder) } }
  },

  async getMusicDirectory(call) {
    const id = call.parameters.required('id')
    if (id === String(MUSIC_FOLDER.id)) return { directory: await rootDirectory(call) }
    switch (kindOf(id)) {
      case 'artist':
        return { directory: await artistDirectory(call, id) }
      case 'album':
        return { directory: await albumDirectory(call, id) }
      default:
        throw notFound('Directory')
    }
  },

  async getGenres({ deps }) {
    const genres = await deps.library.genres()
    return {
      genres: { genre: genres.map(({ name, songCount, albumCount }) => ({ songCount, albumCount, value: name })) },
    }
  },

  async getArtist({ deps, parameters }) {
    const artist = await deps.library.artist(parameters.required('id'))
    if (artist === null) throw notFound('Artist')
    const [described] = await withMarks(deps, [artist], describeArtist)
    const albums = await deps.library.albumsBy(artist)
    return { artist: { ...described, album: await withMarks(deps, albums, describeAlbum) } }
  },

  async getAlbum({ deps, parameters }) {
    const album = await deps.library.album(parameters.required('id'))
    if (album === null) throw notFound('Album')
    const [described] = await withMarks(deps, [album], describeAlbum)
    return { album: { ...described, song: await songsWithMarks(deps, await deps.library.songsOf(album)) } }
  },

  async getSong({ deps, parameters }) {
    const id = parameters.required('id')
    const song = (await deps.tracks.findAll([id])).get(id)
    if (song === undefined) throw notFound('Song')
    const [described] = await songsWithMarks(deps, [song])
    return { song: described }
  },
}

/** @returns all artists under their first letters */
async function indexOf(
  { deps }: Call,
  describe: (artist: ArtistDocument, marks: MarksById) => Payload,
): Promise<Payload[]> {
  const artists = await deps.library.artists()
  const stars = byId(await deps.marks.list('artist', 'starredAt', { count: MAX_STARS, offset: 0 }))
  const index = new Map<string, Payload[]>()
  for (const artist of artists) {
    const letter = letterOf(artist.name)
    const others = index.get(letter)
    if (others === undefined) index.set(letter, [describe(artist, stars)])
    else others.push(describe(artist, stars))
  }
  return [...index].map(([name, artist]) => ({ name, artist }))
}

function letterOf(name: string): string {
  const [first = ''] = artistOrder(name).toUpperCase()
  return /\p{L}/u.test(first) ? first : '#'
}

async function rootDirectory({ deps }: Call): Promise<Payload> {
  const artists = await deps.library.artists()
  const child = artists.map(({ _id, name }) => ({
    ...{ id: _id, parent: String(MUSIC_FOLDER.id), isDir: true, title: name, artist: name },
  }))
  return { id: String(MUSIC_FOLDER.id), name: MUSIC_FOLDER.name, child }
}

async function artistDirectory({ deps }: Call, id: string): Promise<Payload> {
  const artist = await deps.library.artist(id)
  if (artist === null) throw notFound('Directory')
  const albums = await deps.library.albumsBy(artist)
  const child = await withMarks(deps, albums, describeAlbumFolder)
  return { id, parent: String(MUSIC_FOLDER.id), name: artist.name, child }
}

async function albumDirectory({ deps }: Call, id: string): Promise<Payload> {
  const album = await deps.library.album(id)
  if (album === null) throw notFound('Directory')
  const child = await songsWithMarks(deps, await deps.library.songsOf(album))
  return { id, parent: album.artistId, name: album.name, child }
}
