import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { isErrno } from '@holdfast/shared/node/system-error'

type Environment = Readonly<Record<string, string | undefined>>

/** All data directories of this user share the cache. A user without a home, as of a service, has it in the data directory. */
export async function findCacheDirectory(environment: Environment, dataDirectory: string): Promise<string> {
  const own = ownCacheDirectory(environment)
  return isAbsolute(own) && (await canBeWritten(own)) ? own : join(dataDirectory, 'cache')
}

/** A relative XDG_CACHE_HOME is ignored, as the XDG Base Directory Specification demands. */
function ownCacheDirectory(environment: Environment): string {
  const xdg = environment.XDG_CACHE_HOME
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, 'holdfast')
  return join(environment.HOME ?? homedir(), '.cache', 'holdfast')
}

/** @returns whether this user can write there, once the directory is made if it is missing */
async function canBeWritten(directory: string): Promise<boolean> {
  try {
    await access(directory, constants.W_OK | constants.X_OK)
    return true
  } catch (error) {
    const parent = dirname(directory)
    return isErrno(error, 'ENOENT') && parent !== directory && canBeWritten(parent)
  }
}
