import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from '../../cluster/wait-until.ts'

export interface FailingCall {
  /** Commas separate the names of system calls that stand for each other. */
  readonly calls: string
  readonly error: 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EMFILE'
  /** The call of this number fails. Each thread counts for itself, so one thread in the pool makes it exact. */
  readonly nth: number
}

/** Makes one system call of a running process fail while `work` is done. @returns how often it has */
export async function withFailingCall(
  pid: number,
  { calls, error, nth }: FailingCall,
  work: () => Promise<void>,
): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-strace-'))
  const log = join(directory, 'calls')
  const inject = ['-e', `trace=${calls}`, '-e', `inject=${calls}:error=${error}:when=${nth}`]
  const strace = spawn('strace', ['-f', '-qq', '-o', log, ...inject, '-p', `${pid}`], { stdio: 'ignore' })
  const ended = once(strace, 'exit')
  try {
    await waitUntil('strace has every thread', () => isTraced(pid))
    await work()
  } finally {
    strace.kill('SIGINT')
    await ended
  }
  const injected = (await readFile(log, 'utf8')).split('\n').filter((line) => line.includes('(INJECTED)'))
  await rm(directory, { recursive: true })
  return injected.length
}

/** @returns whether this machine lets one process trace another */
export async function canTrace(): Promise<boolean> {
  const strace = spawn('strace', ['-qq', '-o', '/dev/null', 'true'], { stdio: 'ignore' })
  const code = await Promise.race([once(strace, 'exit').then(([code]) => code), once(strace, 'error').then(() => -1)])
  if (code !== 0) console.error('NOT TESTED, strace is missing or not allowed: failing system calls of real processes')
  return code === 0
}

async function isTraced(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`)
  const statuses = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/status`, 'utf8')))
  return statuses.every((status) => !/^TracerPid:\s+0$/m.test(status))
}
