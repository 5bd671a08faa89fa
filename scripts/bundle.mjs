// Bundles programs that tsc has compiled: node scripts/bundle.mjs manager | file-server | client | peer ...
import { rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'
import { digestOf, noteOf } from './bundles.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * What Node is started with, by package: each entry, and what tsc has compiled of it. A bundle holds a program together with
 * the packages that it needs, because to find and link a thousand files takes Node as long as all else that a manager does
 * until it is ready.
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
  // It lies as deep as its source, for it finds its package.json and scripts/ from there.
  client: { 'cli/main': 'cli/main.js' },
  peer: { main: 'main.js', 'pull-main': 'pull-main.js' },
}

/** Native code, which is found from its own place, and decoders of which most are never loaded stay where npm has put them. */
const external = [
  ...['bufferutil', 'utf-8-validate', 'msgpackr-extract', 'fs-native-extensions', 'utp-native'],
  ...['audio-decode/stream', '@wasm-audio-decoders/flac'],
]

for (const program of process.argv.slice(2)) {
  const paths = entries[program]
  if (paths === undefined) throw new Error(`${program} is no program: ${Object.keys(entries).join(', ')}`)
  const digest = digestOf(program)
  const input = Object.fromEntries(
    Object.entries(paths).map(([name, path]) => [name, `${root}${program}/dist/${path}`]),
  )
  rmSync(noteOf(program), { force: true })
  await build({
    input,
    external,
    platform: 'node',
    cwd: root,
    checks: { eval: false },
    output: {
      dir: `${root}${program}/bundle`,
      format: 'esm',
      // Both stay the same where the code changes: a process that runs meanwhile finds what it loads later.
      chunkFileNames: '[name].js',
      minifyInternalExports: false,
    },
  })
  // The last file of a bundle that is whole.
  writeFileSync(noteOf(program), digest)
}
