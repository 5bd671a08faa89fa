import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

export interface TreeWalk {
  readonly files: readonly string[]
  readonly largestDirectory: number
}

/**
 * Walks a directory tree, as an auditor would. A file-server may remove an empty directory in the meantime: what was
 * listed and is gone when it is opened has no files. The root has to be there.
 */
export async function walk(root: string): Promise<TreeWalk> {
  const files: string[] = []
  let largestDirectory = 0
  const visit = async (directory: string): Promise<void> => {
    const entries = await readdir(directory, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' && directory !== root) return []
      throw error
    })
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
