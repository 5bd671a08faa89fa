import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

export interface TreeWalk {
  readonly files: readonly string[]
  readonly largestDirectory: number
}

/** Walks a directory tree, as an auditor would. */
export async function walk(root: string): Promise<TreeWalk> {
  const files: string[] = []
  let largestDirectory = 0
  const visit = async (directory: string): Promise<void> => {
    const entries = await readdir(directory, { withFileTypes: true })
    largestDirectory = Math.max(largestDirectory, entries.length)
    for (const entry of entries) {
      const path = join(directory, entry.name)
      if (entry.isDirectory()) await visit(path)
      else files.push(path)
    }
  }
  await visit(root)
  return { files, largestDirectory }
}

/** @returns the paths of the copies, whole or unfinished, in the trees of these data directories */
export async function copiesIn(directories: readonly string[]): Promise<readonly string[]> {
  const walks = await Promise.all(
    directories.flatMap((directory) => [walk(join(directory, 'tree')), walk(join(directory, 'quarantine'))]),
  )
  return walks.flatMap(({ files }) => files)
}
