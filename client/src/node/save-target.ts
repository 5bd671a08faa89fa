import { lstat, readlink, realpath, stat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { errorCodeOf, PathError } from './system-error.ts'

const STDOUT = 1

/** Linux follows as many links. */
const MAX_LINKS = 40

export type SaveTarget =
  /** There is nothing yet, or a file that a new one can replace. @property path is where the links end. */
  | { readonly kind: 'file'; readonly path: string; readonly exists: boolean }
  /**
   * Bytes are written into a pipe, a terminal or a device. @property isDisk says that they would overwrite what it
   * holds.
   */
  | { readonly kind: 'special'; readonly path: string; readonly isDisk: boolean }
  | { readonly kind: 'stdout' }
  | { readonly kind: 'directory' }

/** @throws PathError where nothing can be saved under the path */
export async function findSaveTarget(path: string): Promise<SaveTarget> {
  try {
    const end = await followLinks(path)
    if (ownDescriptor(end) === STDOUT) return { kind: 'stdout' }
    const found = await stat(end).catch((error: unknown) => {
      if (errorCodeOf(error) === 'ENOENT' && end !== '') return null
      throw error
    })
    if (found?.isDirectory()) return { kind: 'directory' }
    const isSpecial = found !== null && (!found.isFile() || ownDescriptor(end) !== null)
    if (isSpecial) return { kind: 'special', path: end, isDisk: found.isBlockDevice() }
    // The file would be made under the name without its slash.
    if (path.endsWith('/')) throw new Error('is not a directory')
    await stat(dirname(end))
    return { kind: 'file', path: end, exists: found !== null }
  } catch (error) {
    throw new PathError(path, error)
  }
}

/**
 * Finds the open file of this process that a path without links names. Such a file has a position to go on from, and
 * may be a socket, which cannot be opened anew.
 * @returns its descriptor, or null.
 */
export function ownDescriptor(path: string): number | null {
  const [, directory, number] = /^(.+)\/(\d+)$/.exec(path) ?? []
  return directory === '/dev/fd' || directory === `/proc/${process.pid}/fd` ? Number(number) : null
}

/** Follows symbolic links to the path that they name, whether it exists or not. */
async function followLinks(path: string): Promise<string> {
  let at = path
  for (let count = 0; count < MAX_LINKS; count += 1) {
    const found = await lstat(at).catch(() => null)
    if (!found?.isSymbolicLink()) return at
    const directory = await realpath(dirname(at))
    const link = resolve(directory, basename(at))
    if (ownDescriptor(link) !== null) return link
    at = resolve(directory, await readlink(link))
  }
  throw new Error('too many symbolic links')
}
