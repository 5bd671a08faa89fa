import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** @returns every failpoint in the sources of the manager or the file-server, in alphabetical order */
export async function listFailpoints(role: 'manager' | 'file-server'): Promise<string[]> {
  const directory = join(root, role, 'src')
  const names = new Set<string>()
  for (const path of await readdir(directory, { recursive: true })) {
    if (!path.endsWith('.ts')) continue
    const source = await readFile(join(directory, path), 'utf8')
    for (const match of source.matchAll(/failpoint\?\.\('([\w.-]+)'\)/g)) names.add(match[1] ?? '')
  }
  return [...names].sort()
}
