import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// Bundles programs: node scripts/bundle.mjs manager | file-server | client | peer ...

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * What Node is started with, by package: each entry, and the file of which tsc has compiled it. A bundle holds a program
 * together with all the packages that it needs, because to find and link a thousand files takes Node as long as everything
 * else that a manager does until it is ready.
 * @type {Readonly<Record<string, Readonly<Record<string, string>>>>}
 */
const entries = {
  manager: {
    main: 'main.js',
    // A manager finds these two beside what starts them.
    'metadata-thread': 'audio/metadata/metadata-thread.js',
    'wasm-decoder': 'audio/decoding/wasm-decoder.js',
  },
  'file-server': { main: 'main.js' },
  client: { 'cli/main': 'cli/main.js' },
  peer: { main: 'main.js', 'pull-main': 'pull-main.js' },
}

/** Native code, and decoders of which most are never loaded, stay where npm has put them. */
const external = ['utp-native', 'audio-decode/stream', '@wasm-audio-decoders/flac']

/** @param {string} program @returns {string} the file that tells of what a bundle was made */
export const noteOf = (program) => `${root}${program}/bundle/made-of.sha256`

/** @param {string} program @returns {string} a digest of all that a bundle is made of; dates say nothing after a checkout */
function digestOf(program) {
  const hash = createHash('sha256')
  for (const folder of [`${program}/dist/`, 'shared/dist/'])
    for (const path of readdirSync(root + folder, { recursive: true, encoding: 'utf8' }).sort())
      if (path.endsWith('.js')) hash.update(`${path}\0`).update(readFileSync(root + folder + path))
  for (const path of ['package-lock.json', 'scripts/bundle.mjs']) hash.update(readFileSync(root + path))
  return hash.digest('hex')
}

/** @param {string} program */
async function bundle(program) {
  const { build } = await import('rolldown')
  rmSync(noteOf(program), { force: true })
  const input = Object.fromEntries(
    Object.entries(entries[program] ?? {}).map(([name, path]) => [name, `${root}${program}/dist/${path}`]),
  )
  // The names of the files have no digests in them: a process that runs meanwhile still finds what it loads later.
  const output = /** @type {const} */ ({ dir: `${root}${program}/bundle`, format: 'esm', chunkFileNames: '[name].js' })
  await build({ input, external, platform: 'node', checks: { eval: false }, cwd: root, output })
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const program of process.argv.slice(2)) {
    const note = noteOf(program)
    const digest = digestOf(program)
    if (!existsSync(note) || readFileSync(note, 'utf8') !== digest) await bundle(program)
    // The last file of a bundle that is whole.
    writeFileSync(note, digest)
  }
