import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { ensureInstalled } from './bootstrap.mjs'

/** A check that takes longer than this is stuck. */
const CHECK_LIMIT_MS = 120_000

const root = fileURLToPath(new URL('..', import.meta.url))
const binaries = `${root}node_modules/.bin/`

/** @type {(script: string, ...args: string[]) => string[]} */
const tsx = (script, ...args) => ['tsx', '--tsconfig', 'tsconfig.check.json', `scripts/${script}`, ...args]

/** The longest checks come first, because they run two at a time. @type {Record<string, string[]>} */
const checks = {
  'types (tsc)': [
    'tsc',
    '-p',
    'tsconfig.check.json',
    '--incremental',
    '--tsBuildInfoFile',
    'node_modules/.cache/check.tsbuildinfo',
  ],
  'types of the page (tsc)': ['tsc', '-p', 'web'],
  'dead code (knip)': ['knip', '--no-progress'],
  'format and lint (biome)': ['biome', 'ci', '--error-on-warnings', '--colors=off'],
  'generated docs': tsx('generate-docs.ts', '--check'),
  'import directions': tsx('checks/check-imports.ts'),
  'tests mirror sources': tsx('checks/check-test-mirror.ts'),
  'exact dependencies': tsx('checks/check-packages.ts'),
}

/**
 * @param {string} name
 * @param {string[]} command
 * @returns {Promise<{ name: string, isGood: boolean, seconds: string, output: string }>}
 */
function run(name, [binary = '', ...args]) {
  const startedAt = performance.now()
  return new Promise((resolve) => {
    const child = spawn(binaries + binary, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: CHECK_LIMIT_MS,
    })
    /** @type {Buffer[]} */
    const chunks = []
    child.stdout.on('data', (chunk) => chunks.push(chunk))
    child.stderr.on('data', (chunk) => chunks.push(chunk))
    /** @type {(isGood: boolean, last: string) => void} */
    const finish = (isGood, last) => {
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
      console.log(`${isGood ? 'ok    ' : 'FAILED'} ${name.padEnd(26)} ${seconds} s`)
      resolve({ name, isGood, seconds, output: `${Buffer.concat(chunks)}${last}` })
    }
    child.on('error', (error) => finish(false, String(error)))
    child.on('close', (code, signal) => finish(code === 0, signal === null ? '' : `ended by ${signal}\n`))
  })
}

await ensureInstalled()
const startedAt = performance.now()
const waiting = Object.entries(checks)
/** @type {Awaited<ReturnType<typeof run>>[]} */
const results = []
await Promise.all(
  [1, 2].map(async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) results.push(await run(...next))
  }),
)

const failures = results.filter(({ isGood }) => !isGood)
for (const { name, output } of failures) console.log(`\n--- ${name}\n${output.trimEnd()}`)
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
console.log(`\n${results.length - failures.length} checks passed, ${failures.length} failed in ${seconds} s`)
process.exitCode = failures.length === 0 ? 0 : 1
