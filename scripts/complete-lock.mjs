// `npm ci` wants every optional platform package named in package-lock.json, even where it will never install it, but a
// registry mirror may not carry them all. This adds the missing ones. It is run after every change of dependencies;
// `npm run check` notices where it was not.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const processors = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64']

/** @typedef {{ version?: string, dev?: boolean, optional?: boolean, os?: string[], cpu?: string[], libc?: string[], optionalDependencies?: Record<string, string> }} LockEntry */

/**
 * @param {Record<string, LockEntry>} packages
 * @returns {Array<[path: string, entry: LockEntry]>}
 */
export function findMissing(packages) {
  return Object.entries(packages).flatMap(([path, { dev, optionalDependencies = {} }]) =>
    Object.entries(optionalDependencies)
      .filter(([name]) => !packages[`${path}/node_modules/${name}`] && !packages[`node_modules/${name}`])
      .map(
        ([name, version]) =>
          /** @type {[string, LockEntry]} */ ([`node_modules/${name}`, entryOf(name, version, dev === true)]),
      ),
  )
}

/**
 * @param {string} name
 * @param {string} version
 * @param {boolean} dev
 * @returns {LockEntry}
 */
function entryOf(name, version, dev) {
  const words = name.split(/[/-]/)
  const os = systems.filter((system) => words.includes(system))
  const cpu = processors.filter((processor) => words.includes(processor))
  const isMusl = words.includes('musl')
  return {
    version,
    ...(cpu.length > 0 ? { cpu } : {}),
    ...(dev ? { dev } : {}),
    ...(isMusl || words.includes('gnu') ? { libc: [isMusl ? 'musl' : 'glibc'] } : {}),
    optional: true,
    ...(os.length > 0 ? { os } : {}),
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = fileURLToPath(new URL('../package-lock.json', import.meta.url))
  const lock = JSON.parse(readFileSync(path, 'utf8'))
  const missing = findMissing(lock.packages)
  for (const [name, entry] of missing) lock.packages[name] = entry
  const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  writeFileSync(path, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`)
  console.log(missing.length === 0 ? 'package-lock.json is complete' : `added ${missing.length} entries`)
}
