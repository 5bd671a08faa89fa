import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { findMissing } from '../complete-lock.mjs'
import { findLockProblems, findVersionProblems, type PackageJson } from './package-rules.ts'
import { root } from './source-files.ts'

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(root, path), 'utf8'))
}

const { workspaces = [] } = readJson('package.json') as PackageJson
const paths = ['package.json', ...workspaces.map((workspace) => `${workspace}/package.json`)]
const lock = readJson('package-lock.json') as { packages: Parameters<typeof findMissing>[0] }
const problems = [
  ...paths.flatMap((path) => findVersionProblems(path, readJson(path) as PackageJson)),
  ...findLockProblems(lock),
  ...findMissing(lock.packages).map(
    ([name]) => `package-lock.json: ${name} is missing: run node scripts/complete-lock.mjs`,
  ),
]
for (const problem of problems) console.error(problem)
console.log(`${paths.length} packages, ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
