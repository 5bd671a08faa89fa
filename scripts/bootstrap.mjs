import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isPageBuilt } from '../web/sources.mjs'
import { withBootstrapLock } from './bootstrap-lock.mjs'
import { isBundled } from './bundles.mjs'
import { runChild } from './run-child.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const lockDirectory = `${root}.bootstrap-lock`
const oldestNode = [20, 19]
/** Shells end with it where there is no such command. */
const NOT_FOUND = 127
/** What is built and run needs only the packages of these workspaces, and neither the tests' browser nor the test tools. */
export const builtWorkspaces = ['shared', 'launcher', 'manager', 'file-server', 'client', 'bench', 'web']
/** The peer's packages are many, and only its users need them. */
export const peerWorkspaces = ['shared', 'peer']

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
 * @param {readonly string[]} [workspaces] need their packages; without them every package has to be there
 */
export function isInstalled(directory = root, workspaces) {
  const locked = readPackages(`${directory}/package-lock.json`)
  const installed = readPackages(`${directory}/node_modules/.package-lock.json`)
  if (locked === null) throw new Error(`${directory} has no readable package-lock.json`)
  if (installed === null) return false
  const wanted = workspaces === undefined ? Object.keys(locked) : findNeeded(locked, workspaces)
  return wanted.every((path) => {
    const entry = locked[path]
    if (path === '' || entry === undefined) return true
    const found = installed[path]
    if (found === undefined) return entry.optional === true
    // A platform package that the registry mirror did not carry stands in the lock without its integrity.
    const isSame = entry.integrity === undefined || found.integrity === entry.integrity
    return found.version === entry.version && isSame && found.resolved === entry.resolved
  })
}

/**
 * Finds what workspaces need, by the names of their dependencies, as Node finds packages: in the nearest node_modules.
 * @param {Record<string, LockEntry>} packages
 * @param {readonly string[]} workspaces
 * @returns {string[]} their paths in the lock file
 */
export function findNeeded(packages, workspaces) {
  const needed = new Set(workspaces)
  for (const path of needed) {
    const entry = packages[path] ?? {}
    if (entry.link && entry.resolved !== undefined) needed.add(entry.resolved)
    const { dependencies, devDependencies, optionalDependencies } = entry
    for (const name of Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies })) {
      for (let folder = path; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))) {
        const candidate = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`
        if (packages[candidate] !== undefined) needed.add(candidate)
        if (packages[candidate] !== undefined || folder === '') break
      }
    }
  }
  return [...needed]
}

/**
 * @typedef {{ version?: string, integrity?: string, resolved?: string, optional?: boolean, link?: boolean, dependencies?:
 * object, devDependencies?: object, optionalDependencies?: object }} LockEntry
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

/**
 * Installs what package-lock.json names unless it is there, and ends the process where that fails.
 * @param {'everything' | 'what runs'} [extent]
 */
export async function ensureInstalled(extent = 'everything') {
  checkNode()
  const workspaces = extent === 'everything' ? undefined : builtWorkspaces
  if (isInstalled(root, workspaces)) return
  await withBootstrapLock(lockDirectory, say, async () => {
    if (isInstalled(root, workspaces)) return
    say('installing packages (npm ci); the first time takes a while')
    const startedAt = performance.now()
    const code = await runNpm(['ci', '--include=dev', ...inWorkspaces(workspaces ?? [])])
    if (code !== 0) fail(`the packages could not be installed: see the lines above${whoseTree()}`, code)
    say(`packages installed in ${secondsSince(startedAt)} s`)
  })
}

/**
 * Installs what the peer needs besides, which nothing else does. Unlike `npm ci` this takes nothing away from a manager that
 * runs in this tree. Ends the process where it fails.
 */
export async function ensurePeerInstalled() {
  checkNode()
  if (isInstalled(root, peerWorkspaces)) return
  await withBootstrapLock(lockDirectory, say, async () => {
    if (isInstalled(root, peerWorkspaces)) return
    say('installing what the peer needs (npm install --workspace peer); only the first time takes a while')
    const startedAt = performance.now()
    const code = await runNpm(['install', '--no-save', '--include=dev', ...inWorkspaces(peerWorkspaces)])
    if (code !== 0)
      fail(
        `what the peer needs could not be installed: see the lines above. It comes from the npm registry, which this machine has to reach the first time${whoseTree()}`,
        code,
      )
    say(`packages installed in ${secondsSince(startedAt)} s`)
  })
}

/**
 * Compiles what has changed, and ends the process where that fails.
 * @param {readonly string[]} [projects] are built besides
 */
export async function ensureBuilt(projects = []) {
  const startedAt = performance.now()
  const timer = setTimeout(() => say('building (tsc -b, rolldown, vite build)'), 1_500)
  await withBootstrapLock(lockDirectory, say, async () => {
    await build([`${root}node_modules/typescript/bin/tsc`, '-b', '.', ...projects], 'sources')
    await bundle(['manager', 'file-server', 'client', ...projects])
    if (!isPageBuilt()) await build([`${root}web/build.mjs`], 'page')
  })
  clearTimeout(timer)
  if (performance.now() - startedAt > 1_500) say(`built in ${secondsSince(startedAt)} s`)
}

/** Builds the peer where its sources are newer than what was compiled, and ends the process where that fails. */
export async function ensurePeerBuilt() {
  if (isPeerBuilt()) return
  say('building the peer (tsc -b, rolldown)')
  await withBootstrapLock(lockDirectory, say, async () => {
    await build([`${root}node_modules/typescript/bin/tsc`, '-b', 'peer'], 'peer')
    await bundle(['peer'])
  })
}

/** tsc renews the date of its note also where nothing had to be compiled. */
function isPeerBuilt() {
  const note = `${root}peer/dist/tsconfig.tsbuildinfo`
  if (!existsSync(note) || !isBundled('peer')) return false
  const builtAt = statSync(note).mtimeMs
  return ['shared', 'peer'].every((folder) =>
    readdirSync(`${root}${folder}/src`, { recursive: true, encoding: 'utf8' }).every(
      (name) => statSync(`${root}${folder}/src/${name}`).mtimeMs <= builtAt,
    ),
  )
}

/** @param {readonly string[]} programs */
async function bundle(programs) {
  const stale = programs.filter((program) => !isBundled(program))
  if (stale.length > 0) await build([`${root}scripts/bundle.mjs`, ...stale], 'programs')
}

/** @param {readonly string[]} workspaces @returns {string[]} */
function inWorkspaces(workspaces) {
  return workspaces.flatMap((workspace) => ['--workspace', workspace])
}

/** @param {readonly string[]} args @returns {Promise<number>} */
function runNpm(args) {
  const npm = process.env.npm_execpath
  const [command, before] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []]
  return runChild(command, [...before, ...args, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', process.stderr, process.stderr],
  }).catch((error) => {
    say(`npm cannot be run (${error instanceof Error ? error.message : error})`)
    return NOT_FOUND
  })
}

/** @param {string[]} args @param {string} what */
async function build(args, what) {
  const code = await runChild(process.execPath, args, { cwd: root, stdio: ['ignore', process.stderr, process.stderr] })
  if (code !== 0) fail(`the ${what} could not be built: see the lines above${whoseTree()}`, code)
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
