import type { FilledPlaylist, PlaylistChange } from '../../audio/library/playlists.ts'
import type { Payload } from './answer.ts'
import { type Call, type Methods, notFound } from './call.ts'
import { describeFilledPlaylist, describePlaylist } from './describe.ts'
import { ProtocolFailure } from './protocol-failure.ts'

export const playlistMethods: Methods = {
  async getPlaylists({ deps, parameters, user }) {
    if ((parameters.one('username') || user) !== user)
      throw new ProtocolFailure('notAuthorized', 'There is nobody else whose playlists this user may see')
    const playlists = await deps.playlists.list()
    return { playlists: { playlist: playlists.map((playlist) => describePlaylist(playlist, user)) } }
  },

  async getPlaylist(call) {
    return describe(call, await call.deps.playlists.find(call.parameters.required('id')))
  },

  /** The songs take the place of those that a playlist has, if it is named by its id. */
  async createPlaylist(call) {
    const { deps, parameters } = call
    const songs = parameters.all('songId')
    const id = parameters.one('playlistId')
    if (id) return describe(call, await deps.playlists.change(id, { name: parameters.one('name'), songs }))
    return describe(call, await deps.playlists.create(parameters.required('name'), songs))
  },

  async updatePlaylist({ deps, parameters }) {
    const change: PlaylistChange = {
      name: parameters.one('name'),
      comment: parameters.one('comment'),
      isPublic: parameters.flag('public'),
      added: parameters.all('songIdToAdd'),
      removed: parameters.counts('songIndexToRemove'),
    }
    if ((await deps.playlists.change(parameters.required('playlistId'), change)) === null) throw notFound('Playlist')
    return {}
  },

  async deletePlaylist({ deps, parameters }) {
    if (!(await deps.playlists.delete(parameters.required('id')))) throw notFound('Playlist')
    return {}
  },
}

async function describe({ deps, user }: Call, filled: FilledPlaylist | null): Promise<Payload> {
  if (filled === null) throw notFound('Playlist')
  const marks = await deps.marks.of(filled.tracks.map(({ _id }) => _id.toHexString()))
  return { playlist: describeFilledPlaylist(filled, user, marks) }
}
