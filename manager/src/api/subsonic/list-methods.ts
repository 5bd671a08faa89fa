import type { AlbumOrder } from '../../audio/library/library.ts'
import { wordsOf } from '../../audio/search-text.ts'
import type { Payload } from './answer.ts'
import { type Call, describeMarked, type Methods, songsWithMarks, withMarks } from './call.ts'
import type { CallParameters } from './call-parameters.ts'
import { describeAlbum, describeAlbumFolder, describeArtist, describeArtistFolder } from './describe.ts'
import { ProtocolFailure } from './protocol-failure.ts'

/** The protocol itself bounds most lists by this. */
const MAX_LISTED = 500
/** Clients that fetch the whole library ask for large pages, and go on behind what they asked for. */
const MAX_FOUND = 5_000

export const listMethods: Methods = {
  async getAlbumList2(call) {
    return { albumList2: { album: await listAlbums(call, describeAlbum) } }
  },

  async getAlbumList(call) {
    return { albumList: { album: await listAlbums(call, describeAlbumFolder) } }
  },

  async getRandomSongs({ deps, parameters }) {
    const filter = {
      genre: parameters.one('genre') || undefined,
      year: yearsOf(parameters, 'fromYear', 'toYear'),
    }
    const tracks = await deps.tracks.sample(filter, parameters.count('size', 10, MAX_LISTED))
    return { randomSongs: { song: await songsWithMarks(deps, tracks) } }
  },

  async getSongsByGenre({ deps, parameters }) {
    const genre = parameters.required('genre')
    const page = { count: parameters.count('count', 10, MAX_LISTED), offset: parameters.count('offset', 0) }
    return { songsByGenre: { song: await songsWithMarks(deps, await deps.library.findSongs({ genre }, page)) } }
  },

  async search3(call) {
    return { searchResult3: await search(call, describeArtist, describeAlbum) }
  },

  async search2(call) {
    return { searchResult2: await search(call, describeArtistFolder, describeAlbumFolder) }
  },
}

async function listAlbums({ deps, parameters }: Call, describe: typeof describeAlbum): Promise<Payload[]> {
  const type = parameters.required('type')
  const page = { count: parameters.count('size', 10, MAX_LISTED), offset: parameters.count('offset', 0) }
  const list = async (order: AlbumOrder) =>
    page.count === 0 ? [] : withMarks(deps, await deps.library.listAlbums(order, page), describe)
  const marked = async (by: 'starredAt' | 'playCount' | 'playedAt') =>
    describeMarked(await deps.marks.list('album', by, page), (ids) => deps.library.albumsOf(ids), describe)
  switch (type) {
    case 'random':
    case 'newest':
      return list({ kind: type })
    case 'alphabeticalByName':
      return list({ kind: 'name' })
    case 'alphabeticalByArtist':
      return list({ kind: 'artist' })
    case 'byYear': {
      const [from, to] = [parameters.required('fromYear'), parameters.required('toYear')]
      return from === '' || to === ''
        ? []
        : list({ kind: 'year', from: parameters.count('fromYear', 0), to: parameters.count('toYear', 0) })
    }
    case 'byGenre':
      return list({ kind: 'genre', genre: parameters.required('genre') })
    case 'starred':
      return marked('starredAt')
    case 'frequent':
      return marked('playCount')
    case 'recent':
      return marked('playedAt')
    case 'highest':
      // Nothing can be rated.
      return []
    default:
      throw new ProtocolFailure('generic', 'type: is none that there is')
  }
}

function yearsOf(parameters: CallParameters, from: string, to: string) {
  // Clients that know of no bound send 0 too.
  const year = (name: string) => parameters.count(name, 0) || undefined
  return { min: year(from), max: year(to) }
}

async function search(
  { deps, parameters }: Call,
  artistBy: typeof describeArtist,
  albumBy: typeof describeAlbum,
): Promise<Payload> {
  const query = parameters.required('query')
  const page = (kind: string) => ({
    count: parameters.count(`${kind}Count`, 20, MAX_FOUND),
    offset: parameters.count(`${kind}Offset`, 0),
  })
  // An empty query finds all, and clients write it as "" too. Of one without any letter nothing is to be found.
  const text = query.replaceAll('"', '').trim()
  if (text !== '' && wordsOf([text]).length === 0) return { artist: [], album: [], song: [] }
  const [artists, albums, songs] = await Promise.all([
    deps.library.findArtists(text, page('artist')),
    deps.library.findAlbums(text, page('album')),
    deps.library.findSongs(text === '' ? {} : { text }, page('song')),
  ])
  return {
    artist: await withMarks(deps, artists, artistBy),
    album: await withMarks(deps, albums, albumBy),
    song: await songsWithMarks(deps, songs),
  }
}
