import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { withBootstrapLock } from './bootstrap-lock.mjs'
import { runChild } from './run-child.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const lockDirectory = `${root}.bootstrap-lock`
const oldestNode = [20, 19]

/**
 * Tells the person who waits, on standard error, because standard output is for what was asked for.
 * @param {string} line
 */
function say(line) {
  console.error(`holdfast: ${line}`)
}

/** Ends the process with a sentence where Node is too old, because everything else would fail in stranger words. */
function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [oldestMajor = 0, oldestMinor = 0] = oldestNode
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return
  say(`Node.js ${oldestNode.join('.')} or newer is needed, this is ${process.versions.node}.`)
  process.exit(1)
}

/**
 * npm writes node_modules/.package-lock.json last, so it agrees with the project's lock file only after a whole install
 * of just that. Packages for other platforms are not in it.
 * @param {string} [directory]
 */
export function isInstalled(directory = root) {
  const wanted = readPackages(`${directory}/package-lock.json`)
  const installed = readPackages(`${directory}/node_modules/.package-lock.json`)
  if (wanted === null) throw new Error(`${directory} has no readable package-lock.json`)
  if (installed === null) return false
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true
    const found = installed[path]
    if (found === undefined) return entry.optional === true
    // A platform package that the registry mirror did not carry stands in the lock without its integrity.
    const isSame = entry.integrity === undefined || found.integrity === entry.integrity
    return found.version === entry.version && isSame && found.resolved === entry.resolved
  })
}

/**
 * @typedef {{ version?: string, integrity?: string, resolved?: string, optional?: boolean }} LockEntry
 * @param {string} file
 * @returns {Record<string, LockEntry> | null}
 */
function readPackages(file) {
  if (!existsSync(file)) return null
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages ?? null
  } catch (error) {
    say(`${file} is not readable (${error instanceof Error ? error.message : error})`)
    return null
  }
}

/** Installs what package-lock.json names unless it is there, and ends the process where that fails. */
export async function ensureInstalled() {
  checkNode()
  if (isInstalled()) return
  await withBootstrapLock(lockDirectory, say, async () => {
    if (isInstalled()) return
    say('installing packages (npm ci); the first time takes a while')
    const startedAt = performance.now()
    const npm = process.env.npm_execpath
    const [command, before] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []]
    const code = await runChild(
      command,
      [...before, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'],
      {
        cwd: root,
        stdio: ['ignore', process.stderr, process.stderr],
      },
    )
    if (code !== 0) fail(`the packages could not be installed: see the lines above${whoseTree()}`, code)
    say(`packages installed in ${secondsSince(startedAt)} s`)
  })
}

/** Compiles what has changed, and ends the process where that fails. */
export async function ensureBuilt() {
  const startedAt = performance.now()
  const timer = setTimeout(() => say('building (tsc -b)'), 1_500)
  await withBootstrapLock(lockDirectory, say, async () => {
    const tsc = `${root}node_modules/typescript/bin/tsc`
    const code = await runChild(process.execPath, [tsc, '-b'], {
      cwd: root,
      stdio: ['ignore', process.stderr, process.stderr],
    })
    if (code !== 0) fail(`the sources could not be built: see the lines above${whoseTree()}`, code)
  })
  clearTimeout(timer)
  if (performance.now() - startedAt > 1_500) say(`built in ${secondsSince(startedAt)} s`)
}

/** @returns advice for a user who may not write in this tree, or nothing */
function whoseTree() {
  try {
    accessSync(root, constants.W_OK)
    return ''
  } catch {
    return ` (this user may not write in ${root}: run \`npm run build\` as its owner first)`
  }
}

/** @param {string} sentence @param {number} code @returns {never} */
function fail(sentence, code) {
  say(sentence)
  process.exit(code)
}

/** @param {number} startedAt */
function secondsSince(startedAt) {
  return ((performance.now() - startedAt) / 1000).toFixed(1)
}
