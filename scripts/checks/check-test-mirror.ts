import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { listSourceFiles, root } from './source-files.ts'

const mirrored = /^(shared|manager|file-server|launcher|client|peer|bench|web)\/test\/(.+)\.test\.ts$/

/** `x.test.ts` tests `x.ts`; where a source has several tests, they are called `x.<aspect>.test.ts`. */
const tests = listSourceFiles().flatMap((path) => {
  const [, workspace, name = ''] = mirrored.exec(path) ?? []
  if (workspace === undefined) return []
  return [{ path, sources: [name, name.replace(/\.[^./]+$/, '')].map((stem) => `${workspace}/src/${stem}.ts`) }]
})
const strays = tests.filter(({ sources }) => !sources.some((source) => existsSync(join(root, source))))
for (const { path, sources } of strays) console.error(`${path}: tests ${sources[0]}, which does not exist`)
console.log(`${tests.length} tests, ${strays.length} without their source`)
process.exitCode = strays.length === 0 ? 0 : 1
