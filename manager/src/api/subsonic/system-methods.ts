import type { Methods } from './call.ts'
import { MUSIC_FOLDER } from './call.ts'
import { ProtocolFailure } from './protocol-failure.ts'

/** These say what the one user may do here. There is nothing that others might. */
const roles = {
  scrobblingEnabled: true,
  adminRole: false,
  settingsRole: false,
  downloadRole: true,
  uploadRole: false,
  playlistRole: true,
  coverArtRole: false,
  commentRole: false,
  podcastRole: false,
  streamRole: true,
  jukeboxRole: false,
  shareRole: false,
  videoConversionRole: false,
} as const

export const systemMethods: Methods = {
  async ping() {
    return {}
  },

  async getLicense() {
    return { license: { valid: true } }
  },

  async getMusicFolders() {
    return { musicFolders: { musicFolder: [MUSIC_FOLDER] } }
  },

  async getUser({ parameters, user }) {
    if (parameters.required('username') !== user)
      throw new ProtocolFailure('notAuthorized', 'There is nobody else whom this user may ask for')
    return { user: { username: user, ...roles, folder: [MUSIC_FOLDER.id] } }
  },

  async getScanStatus({ deps }) {
    const { songCount } = await deps.library.summary()
    return { scanStatus: { scanning: false, count: songCount } }
  },

  /** Nothing is scanned, for every file is looked into as it comes. */
  async startScan({ deps }) {
    const { songCount } = await deps.library.summary()
    return { scanStatus: { scanning: false, count: songCount } }
  },
}

/** Anybody may ask for these. */
export function describeExtensions(canTranscode: boolean) {
  const names = ['formPost', ...(canTranscode ? ['transcodeOffset'] : [])]
  return { openSubsonicExtensions: names.map((name) => ({ name, versions: [1] })) }
}
