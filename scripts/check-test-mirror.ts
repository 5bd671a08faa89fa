import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { listSourceFiles, root } from './source-files.ts'

const mirrored = /^(shared|manager|file-server|launcher|client)\/test\/(.+)\.test\.ts$/

const tests = listSourceFiles().flatMap((path) => {
  const match = mirrored.exec(path)
  return match === null ? [] : [{ path, source: `${match[1]}/src/${match[2]}.ts` }]
})
const strays = tests.filter(({ source }) => !existsSync(join(root, source)))
for (const { path, source } of strays) console.error(`${path}: tests ${source}, which does not exist`)
console.log(`${tests.length} tests, ${strays.length} without their source`)
process.exitCode = strays.length === 0 ? 0 : 1
