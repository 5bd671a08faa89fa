import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * All data directories of this user share the cache. A relative XDG_CACHE_HOME is ignored, as the XDG Base Directory
 * Specification demands.
 */
export function cacheDirectory(environment: Environment): string {
  const xdg = environment.XDG_CACHE_HOME
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, 'holdfast')
  return join(environment.HOME ?? homedir(), '.cache', 'holdfast')
}
