import { placeInLibrary } from '../../audio/library/library-documents.ts'
import type { Marked } from '../../audio/library/marks.ts'
import type { Track } from '../../audio/track-list.ts'
import type { Payload } from './answer.ts'
import { type Call, describeMarked, kindOf, type Methods, notFound } from './call.ts'
import type { CallParameters } from './call-parameters.ts'
import { describeAlbum, describeAlbumFolder, describeArtist, describeArtistFolder, describeSong } from './describe.ts'
import { ProtocolFailure } from './protocol-failure.ts'

/** One call marks so many at most. */
const MAX_AT_ONCE = 1_000
/** If there are more stars, those that were given first are not listed. */
const MAX_STARRED = 5_000
const DAY_MS = 86_400_000

export const markMethods: Methods = {
  async star(call) {
    const marked = markedIn(call.parameters)
    await requireAll(call, marked)
    await call.deps.marks.star(marked)
    return {}
  },

  async unstar({ deps, parameters }) {
    await deps.marks.unstar(markedIn(parameters))
    return {}
  },

  async getStarred2(call) {
    return { starred2: await listStarred(call, describeArtist, describeAlbum) }
  },

  async getStarred(call) {
    return { starred: await listStarred(call, describeArtistFolder, describeAlbumFolder) }
  },

  /** Only what was played is counted, and not what is playing. Clients that were offline send many, and some may be gone. */
  async scrobble({ deps, parameters }) {
    parameters.required('id')
    const ids = bounded(parameters.all('id'))
    const tracks = ids.length === 1 ? await findSongs(deps.tracks, ids) : await deps.tracks.findAll(ids)
    if (parameters.flag('submission') === false) return {}
    const times = parameters.counts('time')
    await deps.marks.count(
      ids.flatMap((songId, place) => {
        const track = tracks.get(songId)
        if (track === undefined) return []
        const at = new Date(Math.min(times[place] ?? Date.now(), Date.now() + DAY_MS))
        return [{ songId, albumId: placeInLibrary(track).albumId, at }]
      }),
    )
    return {}
  },
}

function bounded<Item>(items: readonly Item[]): readonly Item[] {
  if (items.length > MAX_AT_ONCE) throw new ProtocolFailure('generic', `At most ${MAX_AT_ONCE} at once`)
  return items
}

function markedIn(parameters: CallParameters): readonly Marked[] {
  const ids = ['id', 'albumId', 'artistId'].flatMap((name) => parameters.all(name))
  if (ids.length === 0) throw new ProtocolFailure('missingParameter', 'Required parameter is missing: id')
  return bounded([...new Set(ids)].map((id) => ({ id, kind: kindOf(id) })))
}

/** @throws ProtocolFailure 70 where one of them does not exist */
async function requireAll({ deps }: Call, marked: readonly Marked[]): Promise<void> {
  const ids = (kind: Marked['kind']): string[] => marked.filter((one) => one.kind === kind).map(({ id }) => id)
  await findSongs(deps.tracks, ids('song'))
  const [albums, artists] = [ids('album'), ids('artist')]
  if (albums.length > 0 && (await deps.library.albumsOf(albums)).size < albums.length) throw notFound('Album')
  if (artists.length > 0 && (await deps.library.artistsOf(artists)).size < artists.length) throw notFound('Artist')
}

/** @throws ProtocolFailure 70 where one of them does not exist */
async function findSongs(tracks: Call['deps']['tracks'], ids: readonly string[]): Promise<Map<string, Track>> {
  const songs = await tracks.findAll(ids)
  if (ids.some((id) => !songs.has(id))) throw notFound('Song')
  return songs
}

async function listStarred(
  { deps }: Call,
  artistBy: typeof describeArtist,
  albumBy: typeof describeAlbum,
): Promise<Payload> {
  const all = { count: MAX_STARRED, offset: 0 }
  const [artists = [], albums = [], songs = []] = await Promise.all(
    (['artist', 'album', 'song'] as const).map((kind) => deps.marks.list(kind, 'starredAt', all)),
  )
  return {
    artist: await describeMarked(artists, (ids) => deps.library.artistsOf(ids), artistBy),
    album: await describeMarked(albums, (ids) => deps.library.albumsOf(ids), albumBy),
    song: await describeMarked(songs, (ids) => deps.tracks.findAll(ids), describeSong),
  }
}
