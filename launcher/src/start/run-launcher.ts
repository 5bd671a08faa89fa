import { rmSync } from 'node:fs'
import { requireDescriptors } from '@holdfast/shared/node/descriptor-limit'
import { StartError } from '@holdfast/shared/node/run-service'
import { explainInside } from '@holdfast/shared/node/system-error'
import { SettingsError } from '@holdfast/shared/settings/settings'
import { readStartOptions, type StartOptions, usage } from '../arguments.ts'
import { layoutOf } from '../data/data-layout.ts'
import { launch } from './launch.ts'
import type { Programs, Started } from './launch-context.ts'
import { Progress } from './progress.ts'
import { watchSignals } from './signals.ts'
import { renderSummary } from './summary.ts'

/** Starts everything, keeps it running until a signal comes, and stops it. @returns the exit code. */
export async function runLauncher(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  programs: Programs,
): Promise<number> {
  process.title = 'holdfast'
  ignoreBrokenConsole()
  try {
    const options = readStartOptions(args, environment, environment.INIT_CWD ?? process.cwd())
    if (options === null) {
      console.log(usage)
      return 0
    }
    requireDescriptors()
    return await runUntilSignal(options, environment, programs).catch((error: unknown) => {
      throw explainInside(options.dataDirectory, error)
    })
  } catch (error) {
    console.error(isSaidInOneSentence(error) ? `holdfast: ${error.message}` : error)
    return 1
  }
}

async function runUntilSignal(
  options: StartOptions,
  environment: NodeJS.ProcessEnv,
  programs: Programs,
): Promise<number> {
  const progress = new Progress((line) => console.log(line))
  const started: Started[] = []
  const interruption = watchSignals(() => {
    progress.line('Killing everything.')
    for (const { kill } of started.toReversed()) kill?.()
    rmSync(layoutOf(options.dataDirectory).runFile, { force: true })
    process.exit(1)
  }, environment.npm_lifecycle_event !== undefined)
  try {
    progress.line('Starting Holdfast')
    const context = { options, environment, programs, progress }
    const { system, failed } = await launch({ ...context, signal: interruption.signal, started })
    progress.line(renderSummary(system))
    await Promise.race([failed, waitForAbort(interruption.signal)])
  } catch (error) {
    if (!interruption.signal.aborted) throw error
  } finally {
    await stopAll(started, progress)
    interruption.end()
  }
  return 0
}

async function waitForAbort(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
}

/** Stops everything, also when one of the stops fails. */
async function stopAll(started: readonly Started[], progress: Progress): Promise<void> {
  const areProcesses = started.some(({ kill }) => kill !== undefined)
  if (areProcesses) progress.line('Stopping')
  const startedAt = performance.now()
  for (const one of started.toReversed()) {
    await one.stop().catch((error: unknown) => progress.line(`could not be stopped: ${error}`))
  }
  if (areProcesses) progress.line(`Stopped (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`)
}

/** A terminal that is gone, or a full disk under the output, must not take everybody's files away. */
function ignoreBrokenConsole(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
}

function isSaidInOneSentence(error: unknown): error is Error {
  return error instanceof StartError || error instanceof SettingsError
}
