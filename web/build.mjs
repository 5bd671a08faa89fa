// Builds the page into dist/, each file beside its own compressed forms, which the manager serves as they are.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { build } from 'vite'
import { digestOfSources, stamp } from './sources.mjs'

const root = fileURLToPath(new URL('.', import.meta.url))
const dist = join(root, 'dist')
const sources = digestOfSources()

await build({ root, configFile: join(root, 'vite.config.ts'), logLevel: 'warn' })
for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  if (!/\.(html|js|mjs|css|svg|json)$/.test(name)) continue
  const bytes = readFileSync(join(dist, name))
  // The best of brotli takes a second for a megabyte, and what is loaded for a few users only need not be the smallest.
  const quality = bytes.length > 300_000 ? 9 : constants.BROTLI_MAX_QUALITY
  const params = { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length }
  writeFileSync(join(dist, `${name}.br`), brotliCompressSync(bytes, { params }))
  writeFileSync(join(dist, `${name}.gz`), gzipSync(bytes, { level: 9 }))
}
// The last file of a build that is whole.
writeFileSync(stamp, sources)
