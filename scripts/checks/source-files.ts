import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

const skipped = new Set(['node_modules', 'dist', 'bundle', 'coverage'])
/** `npm start` keeps its data in this directory at the root. */
const dataDirectory = 'data'

/** Lists every TypeScript and JavaScript file of the project, in order, by its path from the root with `/`. */
export function listSourceFiles(): string[] {
  return list('').sort()
}

function list(directory: string): string[] {
  return readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = directory === '' ? entry.name : `${directory}/${entry.name}`
    if (entry.isDirectory())
      return skipped.has(entry.name) || entry.name.startsWith('.') || path === dataDirectory ? [] : list(path)
    return /\.[cm]?[jt]sx?$/.test(entry.name) && !entry.name.endsWith('.d.ts') ? [path] : []
  })
}
