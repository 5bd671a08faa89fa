import { constants } from 'node:fs'
import { mkdir, open, readlink, realpath, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { StartError } from './run-service.ts'
import { explainDirectory, isErrno } from './system-error.ts'

/**
 * Makes a directory with all that is missing above it, so that it survives a power cut.
 * @param named the directory above or at `path` that a person named, for the error
 * @param mode of what is made; it is private to the user unless another is given
 * @throws StartError where it cannot be made
 */
export async function makeDirectory(path: string, named = path, mode = 0o700): Promise<void> {
  const target = resolve(path)
  const made: string[] = []
  try {
    await makeWithParents(target, mode, made)
    for (const directory of made.toReversed()) await syncDirectory(await realpath(dirname(directory)))
  } catch (error) {
    throw explainDirectory(resolve(named), error)
  }
}

/**
 * mkdir's own `recursive` will not do: where a file system takes no new names, as /proc, Node tries for ever, in a thread
 * that nothing can end.
 */
async function makeWithParents(path: string, mode: number, made: string[]): Promise<void> {
  for (const isParentMade of [false, true]) {
    try {
      await mkdir(path, { mode })
      made.push(path)
      return
    } catch (error) {
      if (isErrno(error, 'EEXIST', 'EISDIR')) return requireDirectory(path)
      const parent = dirname(path)
      if (isParentMade || parent === path || !isErrno(error, 'ENOENT', 'ENOTDIR')) throw error
      await makeWithParents(parent, mode, made)
    }
  }
}

async function requireDirectory(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return null
    throw error
  })
  if (found === null)
    throw new StartError(`${path} is a symbolic link to ${await readlink(path)}, which does not exist.`)
  if (!found.isDirectory()) throw new StartError(`${path} is a file, and a directory is needed there.`)
}

/** Syncs a directory, which makes durable the names that it holds. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
