import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

type Environment = Readonly<Record<string, string | undefined>>

/** Of this user, shared by all data directories. A relative XDG_CACHE_HOME is to be ignored (XDG Base Directory Specification). */
export function cacheDirectory(environment: Environment): string {
  const xdg = environment.XDG_CACHE_HOME
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, 'holdfast')
  return join(environment.HOME ?? homedir(), '.cache', 'holdfast')
}
