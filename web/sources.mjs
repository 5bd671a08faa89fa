import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('.', import.meta.url))
/** The build writes down here of which sources it was made. */
export const stamp = join(folder, 'dist/sources.sha256')

/** @returns a digest of all that the page is made of; dates say nothing after a checkout */
export function digestOfSources() {
  const hash = createHash('sha256')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /^(src|public)[\\/].+\.\w+$/.test(name) || /^[\w.-]+\.(html|json|mjs|ts)$/.test(name))
    .sort()
  for (const name of [...files, '../package-lock.json']) {
    hash.update(`${name}\0`)
    hash.update(readFileSync(join(folder, name)))
  }
  return hash.digest('hex')
}

export function isPageBuilt() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === digestOfSources()
}
