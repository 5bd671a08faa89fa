import { setTimeout as delay } from 'node:timers/promises'
import { retryDelayMs } from '@holdfast/shared/retry-delay'
import type { ProcessEnd, RunningProcess } from './running-process.ts'

export interface SuperviseOptions {
  readonly name: string
  /** Tells the person at the console the process's address or directory. */
  readonly where: string
  readonly start: (signal: AbortSignal) => Promise<RunningProcess>
  /** Gets lines for the person at the console. */
  readonly report: (line: string) => void
  /** Is called with every end that nobody asked for. */
  readonly onEnded?: (end: ProcessEnd) => void
  /** A process that lasted for `goodAfterMs` counts as having started well. */
  readonly backOff?: { readonly baseMs: number; readonly maxMs: number; readonly goodAfterMs: number }
}

export interface Supervised {
  readonly name: string
  readonly where: string
  readonly pid: number | null
  /** Ends the process and the supervision. */
  stop(): Promise<void>
  /** Kills the process at once. */
  kill(): void
}

const usualBackOff = { baseMs: 500, maxMs: 30_000, goodAfterMs: 3_000 }

/**
 * Keeps a process running. One that ends is started again at once if it had started well; those after it that do not
 * last are waited for, longer each time.
 */
export function supervise(options: SuperviseOptions, first: RunningProcess): Supervised {
  const ending = new AbortController()
  let current: RunningProcess | null = first
  const supervision = keepRunning(options, first, ending.signal, (running) => {
    current = running
  })
  return {
    name: options.name,
    where: options.where,
    get pid() {
      return current?.pid ?? null
    },
    async stop() {
      ending.abort()
      await current?.stop()
      await supervision
    },
    kill() {
      ending.abort()
      current?.kill()
    },
  }
}

async function keepRunning(
  { name, start, report, onEnded, backOff = usualBackOff }: SuperviseOptions,
  first: RunningProcess,
  signal: AbortSignal,
  setCurrent: (running: RunningProcess | null) => void,
): Promise<void> {
  let running: RunningProcess | null = first
  let failureCount = 0
  while (!signal.aborted) {
    const startedAt = performance.now()
    const end: ProcessEnd = running === null ? { how: 'it did not start', cannotStart: null } : await running.ended
    setCurrent(null)
    if (signal.aborted) return
    onEnded?.(end)
    if (running !== null && performance.now() - startedAt >= backOff.goodAfterMs) failureCount = 0
    // The first end is an accident, one right after it a habit. A process that says it cannot start will not start at
    // once either.
    const waitMs =
      failureCount === 0 && end.cannotStart === null ? 0 : retryDelayMs(failureCount, Math.random(), backOff)
    failureCount++
    report(`${name} ended (${end.cannotStart ?? end.how}); it is started again in ${(waitMs / 1000).toFixed(1)} s`)
    if (!(await hasWaited(waitMs, signal))) return
    running = await start(signal).catch((error: unknown) => {
      if (!signal.aborted)
        report(`${name} could not be started: ${error instanceof Error ? error.message : String(error)}`)
      return null
    })
    setCurrent(running)
    if (signal.aborted) await running?.stop()
    else if (running !== null) report(`${name} runs again (pid ${running.pid})`)
  }
}

async function hasWaited(waitMs: number, signal: AbortSignal): Promise<boolean> {
  return delay(waitMs, true, { signal }).catch(() => false)
}
