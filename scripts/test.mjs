import { randomInt } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureBuilt, ensureInstalled } from './bootstrap.mjs'
import { runChild } from './run-child.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * A suite that could not be loaded counts as a failure, and so does a run without a single test.
 * @param {{ numPassedTests: number, numFailedTests: number, testResults: { status: string, assertionResults: { status:
 * string }[] }[] }} report
 */
export function countTests(report) {
  const brokenSuites = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
  ).length
  const passed = report.numPassedTests
  const failed = report.numFailedTests + brokenSuites
  return { passed, failed: passed + failed === 0 ? 1 : failed }
}

/** @param {string} file */
function readCounts(file) {
  try {
    return countTests(JSON.parse(readFileSync(file, 'utf8')))
  } catch (error) {
    console.error(`holdfast: vitest left no report (${error instanceof Error ? error.message : error})`)
    return { passed: 0, failed: 1 }
  }
}

/**
 * The slash after a folder of the root keeps out other paths that have its name in them.
 * @param {string} argument
 * @returns {string}
 */
const asFolder = (argument) =>
  existsSync(`${root}${argument}/package.json`) ? `${argument.replace(/\/$/, '')}/` : argument

/** @returns {string[]} test files that do less in `npm test` than in a full run */
function filesOfTwoSizes() {
  const folders = readdirSync(root).filter((name) => existsSync(`${root}${name}/test`))
  const files = folders.flatMap((name) =>
    readdirSync(`${root}${name}/test`, { recursive: true }).map((file) => `${name}/test/${file}`),
  )
  return files.filter(
    (file) => file.endsWith('.test.ts') && readFileSync(`${root}${file}`, 'utf8').includes('/full-run.ts'),
  )
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
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-tests-'))
  try {
    const report = join(directory, 'report.json')
    const vitest = `${root}node_modules/vitest/vitest.mjs`
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
    const code = await runChild(
      process.execPath,
      [vitest, 'run', '--config', 'jest.config.ts', ...reporters, ...args],
      {
        cwd: root,
        stdio: 'inherit',
        env: { ...process.env, FAULT_SEED: seed, ...(isFaultRun && { FAULTS: 'full' }) },
      },
    )
    const { passed, failed } = readCounts(report)
    if (code !== 0 && failed === 0) console.error(`holdfast: vitest ended with exit code ${code}`)
    const failures = code !== 0 && failed === 0 ? 1 : failed
    console.log(`${passed} passed, ${failures} failed`)
    return failures === 0 ? 0 : code || 1
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await runTests(process.argv.slice(2))
