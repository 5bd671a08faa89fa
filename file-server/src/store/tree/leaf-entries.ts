import type { Stats } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isErrno } from '../disk/disk-health.ts'
import type { LeafEntry } from './leaf-plan.ts'

/** The names in a directory; none where it does not exist. */
export async function readNames(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}

/** One look at a time: an inventory must leave the other threads of the pool to uploads. */
export async function readEntries(directory: string): Promise<LeafEntry[]> {
  const entries: LeafEntry[] = []
  for (const name of await readNames(directory)) {
    const found = await lookAt(join(directory, name))
    if (found !== null)
      entries.push({ name, isFile: found.isFile(), sizeBytes: found.size, changedAtMs: found.mtimeMs })
  }
  return entries
}

/** What a path holds without following a symlink, or null. */
export async function lookAt(path: string): Promise<Stats | null> {
  try {
    return await lstat(path)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null
    throw error
  }
}
