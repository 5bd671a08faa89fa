import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isErrno } from '../disk/disk-health.ts'
import type { LeafEntry } from './leaf-plan.ts'

/** @returns the names in a directory; none where it does not exist. */
export async function readNames(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}

/** Takes one look at a time, because an inventory must leave the other threads of the pool to uploads. */
export async function readEntries(directory: string): Promise<LeafEntry[]> {
  const entries: LeafEntry[] = []
  for (const name of await readNames(directory)) {
    try {
      const found = await lstat(join(directory, name))
      entries.push({ name, isFile: found.isFile(), sizeBytes: found.size, changedAtMs: found.mtimeMs })
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error
    }
  }
  return entries
}
