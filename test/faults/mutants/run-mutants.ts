import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { type Mutant, mutants } from './mutants.ts'
import { ScratchCopy } from './scratch-copy.ts'

/** A build or a test that takes longer is stuck. */
const LIMIT_MS = 300_000

interface Report {
  readonly numPassedTests: number
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly failureMessages: readonly string[] }[]
  }[]
}

type Verdict =
  | { readonly kind: 'passes' | 'does not run' }
  | {
      readonly kind: 'fails' /** Its first line, for a person to see that it is the right reason. */
      readonly reason: string
    }

await using copy = await ScratchCopy.make()
const { directory } = copy
const wanted = process.argv.slice(2)
const chosen = mutants.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
let failureCount = chosen.length === 0 ? 1 : 0
for (const mutant of chosen) {
  const verdict = await judge(mutant)
  const { file, test } = mutant.caughtBy
  console.log(`${verdict.isCaught ? 'caught' : 'NOT CAUGHT'}: ${mutant.name}\n  by ${file}: ${test}\n  ${verdict.why}`)
  if (!verdict.isCaught) failureCount++
}
console.log(`${chosen.length - failureCount} mutants caught, ${failureCount} not`)
process.exitCode = failureCount === 0 ? 0 : 1

/** A mutant is caught if its test passes without it and fails with it. */
async function judge({ file, find, replace, caughtBy }: Mutant): Promise<{ isCaught: boolean; why: string }> {
  if (!build()) return { isCaught: false, why: 'the sources cannot be built' }
  const before = runTest(caughtBy)
  if (before.kind !== 'passes') return { isCaught: false, why: `the test ${before.kind} without the mutant` }
  try {
    const undo = await copy.replace(file, find, replace)
    try {
      if (!build()) return { isCaught: false, why: 'the mutant cannot be built' }
      const after = runTest(caughtBy)
      return after.kind === 'fails'
        ? { isCaught: true, why: after.reason }
        : { isCaught: false, why: `the test ${after.kind} with the mutant` }
    } finally {
      await undo()
    }
  } catch (error) {
    return { isCaught: false, why: error instanceof Error ? error.message : String(error) }
  }
}

function build(): boolean {
  const tsc = join(directory, 'node_modules/typescript/bin/tsc')
  const packages = ['shared', 'launcher', 'manager', 'file-server', 'client']
  const steps = [
    [tsc, '-b', ...packages],
    [join(directory, 'scripts/bundle.mjs'), 'manager', 'file-server', 'client'],
  ]
  return steps.every((step) => {
    const { status, stdout, stderr } = run(step)
    if (status !== 0) console.error(stdout + stderr)
    return status === 0
  })
}

function runTest({ file, test }: Mutant['caughtBy']): Verdict {
  const vitest = join(directory, 'node_modules/vitest/vitest.mjs')
  const pattern = test.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const args = ['run', '--config', 'jest.config.ts', '--reporter=json', file, '-t', pattern]
  const { stdout } = run([vitest, ...args])
  const report = readReport(stdout)
  const failures = report?.testResults.flatMap(({ assertionResults }) =>
    assertionResults.flatMap(({ failureMessages }) => failureMessages),
  )
  const [reason] = failures ?? []
  if (reason !== undefined) return { kind: 'fails', reason: reason.split('\n')[0] ?? '' }
  return { kind: (report?.numPassedTests ?? 0) > 0 ? 'passes' : 'does not run' }
}

function readReport(output: string): Report | null {
  try {
    return JSON.parse(output.slice(output.indexOf('{"num'))) as Report
  } catch {
    return null
  }
}

function run(args: readonly string[]) {
  return spawnSync(process.execPath, args, { cwd: directory, encoding: 'utf8', timeout: LIMIT_MS, maxBuffer: 64e6 })
}
