import type Router from '@koa/router'
import { type StartLibraryDeps, startLibrary } from '../../audio/library/start-library.ts'
import { Transcoder } from '../../audio/streaming/transcoder.ts'
import type { RequestState } from '../../http/request-context.ts'
import type { CallDeps } from './call.ts'
import { subsonicRoutes } from './subsonic.routes.ts'

export interface StartSubsonicDeps
  extends Omit<CallDeps, 'library' | 'marks' | 'playlists' | 'transcoder'>,
    StartLibraryDeps {
  /** Tells whether there is an ffmpeg. */
  readonly canDecode: boolean
  readonly ownUrl: () => string
}

export interface SubsonicSettings {
  readonly subsonicUser: string | null
  readonly subsonicPassword: string | null
}

/** @returns the routes of `/rest`, which there are only where user and password are set */
export async function startSubsonic(
  deps: StartSubsonicDeps,
  { subsonicUser: user, subsonicPassword: password }: SubsonicSettings,
): Promise<Router<RequestState>[]> {
  if (user === null || password === null) {
    if (user !== password)
      deps.log.warn('there is no /rest for music players: SUBSONIC_USER and SUBSONIC_PASSWORD have to be set both')
    return []
  }
  const slice = await startLibrary(deps)
  const transcoder = deps.canDecode ? new Transcoder(deps) : null
  return [subsonicRoutes({ ...deps, ...slice, transcoder, credentials: { user, password } })]
}
