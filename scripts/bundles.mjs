import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** @param {string} program @returns {string} the path of the note that tells of what a bundle was made */
export const noteOf = (program, directory = root) => join(directory, program, 'bundle/made-of.sha256')

/** @param {string} program @returns {string} a digest of all that its bundle is made of; dates say nothing after a checkout */
export function digestOf(program, directory = root) {
  const hash = createHash('sha256')
  for (const folder of [`${program}/dist`, 'shared/dist'])
    for (const path of readdirSync(join(directory, folder), { recursive: true, encoding: 'utf8' }).sort())
      if (path.endsWith('.js')) hash.update(`${path}\0`).update(readFileSync(join(directory, folder, path)))
  const manifests = [`${program}/package.json`, 'shared/package.json', 'package-lock.json']
  for (const path of [...manifests, 'peer/no-webrtc/webrtc.js', 'scripts/bundle.mjs'])
    hash.update(readFileSync(join(directory, path)))
  return hash.digest('hex')
}

/** @param {string} program of which tsc has compiled everything. @returns whether its bundle is whole and up to date */
export function isBundled(program, directory = root) {
  const note = noteOf(program, directory)
  return existsSync(note) && readFileSync(note, 'utf8') === digestOf(program, directory)
}
