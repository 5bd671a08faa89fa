import { type ChildProcess, fork } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { LineSplitter } from '../files/line-splitter.ts'
import type { RotatingLog } from '../files/rotating-log.ts'
import { readLogLine } from './log-line.ts'
import type { ProcessEnd, RunningProcess } from './running-process.ts'

export interface ChildOptions {
  readonly script: string
  readonly env: NodeJS.ProcessEnv
  /** Node itself takes these arguments, not the script. */
  readonly execArgv?: readonly string[]
  readonly log: RotatingLog
  /** Gets each line that the console should show. */
  readonly show: (line: string) => void
  readonly stopDeadlineMs?: number
}

/** It is longer than a service allows itself for its shutdown, so that only a service that hangs is killed. */
const STOP_DEADLINE_MS = 25_000

/**
 * Starts one of our own programs in a process group of its own, so that a Ctrl-C in the terminal reaches it only
 * through its owner, in order. The IPC channel tells it when the owner is gone.
 */
export function startChild({
  script,
  env,
  execArgv = [],
  log,
  show,
  stopDeadlineMs = STOP_DEADLINE_MS,
}: ChildOptions): RunningProcess {
  const child = fork(script, [], {
    env,
    detached: true,
    execArgv: [...execArgv],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let cannotStart: string | null = null
  const take = (line: string) => {
    log.append(line)
    const shown = readLogLine(line)
    if (shown.kind === 'hidden') return
    cannotStart = shown.cannotStart
    if (cannotStart === null) show(shown.text)
  }
  for (const stream of [child.stdout, child.stderr]) {
    const lines = new LineSplitter(take)
    stream?.on('data', (chunk: Buffer) => lines.push(chunk))
    stream?.on('end', () => lines.end())
  }
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once('error', (error) => resolve({ how: error.message, cannotStart: null }))
    child.once('close', (code, signal) => resolve({ how: describeEnd(code, signal), cannotStart }))
  })
  return {
    pid: child.pid ?? -1,
    ended,
    stop: () => stopChild(child, ended, stopDeadlineMs),
    kill: () => {
      child.kill('SIGKILL')
    },
  }
}

function describeEnd(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`
}

async function stopChild(child: ChildProcess, ended: Promise<ProcessEnd>, deadlineMs: number): Promise<void> {
  child.kill('SIGTERM')
  const isLate = await Promise.race([ended.then(() => false), delay(deadlineMs, true, { ref: false })])
  if (isLate) child.kill('SIGKILL')
  await ended
}
