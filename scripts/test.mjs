import { randomInt } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureBuilt, ensureInstalled } from './bootstrap.mjs'
import { runChild } from './run-child.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

/** @typedef {import('./test-reporter.mjs').RunReport} RunReport */

/** More files than this did not fail because the machine was busy. */
const MAX_FILES_AGAIN = 3

/**
 * Names the files that failed while others ran beside them. A file of the project `under load` had the machine for
 * itself, and an error that belongs to no test cannot be tried again.
 * @param {RunReport} report
 * @returns {string[]} what to run once more, alone; nothing where that could not make the run pass
 */
export function filesToRepeat({ files, unhandledErrors }) {
  const failed = files.filter((file) => file.failed.length > 0)
  const isHopeless = unhandledErrors > 0 || failed.length > MAX_FILES_AGAIN
  return isHopeless || failed.some(({ project }) => project === 'under load') ? [] : failed.map(({ path }) => path)
}

/**
 * @param {RunReport} first
 * @param {RunReport} again has the files that were run once more: only their second results count
 * @returns {RunReport}
 */
export function mergeReports(first, again) {
  const repeated = new Set(again.files.map(({ path }) => path))
  return {
    files: [...first.files.filter(({ path }) => !repeated.has(path)), ...again.files],
    unhandledErrors: first.unhandledErrors + again.unhandledErrors,
  }
}

/**
 * A run without a single test counts as a failure.
 * @param {RunReport} report
 */
export function countTests({ files, unhandledErrors }) {
  const passed = files.reduce((sum, file) => sum + file.passed, 0)
  const skipped = files.reduce((sum, file) => sum + file.skipped, 0)
  const failed = files.reduce((sum, file) => sum + file.failed.length, unhandledErrors)
  return { passed, skipped, failed: passed + failed === 0 ? 1 : failed }
}

/**
 * The slash after a folder of the root keeps out other paths that have its name in them.
 * @param {string} argument
 * @returns {string}
 */
const asFolder = (argument) =>
  existsSync(`${root}${argument}/package.json`) ? `${argument.replace(/\/$/, '')}/` : argument

/** @returns {string[]} test files that do less in `npm test` than in a full run, by themselves or by what they import */
export function filesOfTwoSizes() {
  const folders = ['test', ...readdirSync(root).map((name) => `${name}/test`)].filter((path) => existsSync(root + path))
  const files = folders
    .flatMap((path) => readdirSync(root + path, { recursive: true }).map((file) => `${path}/${file}`))
    .filter((file) => file.endsWith('.ts') && !file.includes('/node_modules/'))
    .map((file) => ({ file, text: readFileSync(root + file, 'utf8') }))
  const isTest = (/** @type {string} */ file) => file.endsWith('.test.ts')
  const helpers = files.filter(({ file, text }) => !isTest(file) && text.includes('/full-run.ts'))
  const names = ['full-run.ts', ...helpers.map(({ file }) => basename(file))]
  return files
    .filter(({ file, text }) => isTest(file) && names.some((name) => text.includes(`/${name}'`)))
    .map(({ file }) => file)
}

/**
 * A full run has whole counts. It runs one file after the other, because each needs the machine for itself, and prints
 * every line as it comes.
 * @param {string[]} given
 */
function faultArguments(given) {
  const paths = given.some((argument) => argument.includes('/test/') || argument.startsWith('test/'))
    ? []
    : ['test/faults/', ...filesOfTwoSizes()]
  return [...paths, '--no-file-parallelism', '--disable-console-intercept=true', ...given]
}

/**
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<RunReport>}
 */
async function runVitest(args, env) {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-tests-'))
  const report = join(directory, 'report.json')
  const vitest = `${root}node_modules/vitest/vitest.mjs`
  const reporters = ['--reporter=default', `--reporter=${root}scripts/test-reporter.mjs`]
  try {
    const code = await runChild(
      process.execPath,
      [vitest, 'run', '--config', 'jest.config.ts', ...reporters, ...args],
      { cwd: root, stdio: 'inherit', env: { ...env, HOLDFAST_TEST_REPORT: report } },
    )
    const result = /** @type {RunReport} */ (JSON.parse(readFileSync(report, 'utf8')))
    if (code === 0 || countTests(result).failed > 0) return result
    console.error(`holdfast: vitest ended with exit code ${code}`)
  } catch (error) {
    console.error(`holdfast: vitest left no report (${error instanceof Error ? error.message : error})`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  return { files: [], unhandledErrors: 1 }
}

/**
 * @param {string[]} given is what else vitest is told, after `--faults` where the fault bench is meant
 * @returns {Promise<number>} the exit code
 */
async function runTests(given) {
  const isFaultRun = given[0] === '--faults'
  const args = isFaultRun
    ? faultArguments(given.slice(1))
    : given.map((argument, index) => (given[index - 1]?.startsWith('-') ? argument : asFolder(argument)))
  const seed = process.env.FAULT_SEED ?? String(randomInt(1_000_000_000))
  await ensureInstalled()
  await ensureBuilt(['peer'])
  const env = { ...process.env, FAULT_SEED: seed, ...(isFaultRun && { FAULTS: 'full' }) }
  const first = await runVitest(args, env)
  const repeated = given.length === 0 ? filesToRepeat(first) : []
  const report = repeated.length === 0 ? first : await repeat(first, repeated, env)
  const { passed, skipped, failed } = countTests(report)
  if (skipped > 0 && !isFaultRun && !given.includes('-t'))
    console.log(
      `holdfast: ${skipped} tests did not run: they are for npm run test:faults, or need what the output says is missing`,
    )
  console.log(`${passed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

/**
 * Says what failed at first, because that is worth a look even if it passes alone.
 * @param {RunReport} first
 * @param {string[]} paths
 * @param {NodeJS.ProcessEnv} env
 */
async function repeat(first, paths, env) {
  console.log('holdfast: what failed beside other tests runs once more, alone')
  const report = mergeReports(first, await runVitest([...paths, '--no-file-parallelism'], env))
  const names = first.files.flatMap(({ path, failed }) => failed.map((name) => `${relative(root, path)}: ${name}`))
  console.log(`holdfast: these failed beside other tests\n${names.map((name) => `  ${name}\n`).join('')}`)
  return report
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await runTests(process.argv.slice(2))
