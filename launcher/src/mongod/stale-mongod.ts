import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { StartError } from '@holdfast/shared/node/run-service'

const ORDERLY_END_MS = 20_000
const KILLED_END_MS = 5_000
const POLL_MS = 50

/** Stops a mongod that a killed start left behind on this data, and leaves any other process alone. */
export async function stopStaleMongod(
  dbPath: string,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const pid = await readLockPid(dbPath)
  if (pid === null || !(await isMongodOf(pid, dbPath))) return
  report(`mongod: stopping the one that a killed start left behind (pid ${pid})`)
  process.kill(pid, 'SIGTERM')
  if (await hasEnded(pid, dbPath, ORDERLY_END_MS, signal)) return
  process.kill(pid, 'SIGKILL')
  if (await hasEnded(pid, dbPath, KILLED_END_MS, signal)) return
  throw new StartError(`mongod ${pid} of an earlier start cannot be ended: end it by hand.`)
}

async function readLockPid(dbPath: string): Promise<number | null> {
  const text = await readFile(join(dbPath, 'mongod.lock'), 'utf8').catch(() => '')
  const pid = Number(text.trim())
  return Number.isSafeInteger(pid) && pid > 1 ? pid : null
}

async function isMongodOf(pid: number, dbPath: string): Promise<boolean> {
  const [commandLine, state] = await Promise.all([
    readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
    readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''),
  ])
  return isCommandLineOf(commandLine, dbPath) && !isZombie(state)
}

/** @param commandLine is as /proc has it: every argument ends with a NUL. */
export function isCommandLineOf(commandLine: string, dbPath: string): boolean {
  const words = commandLine.split('\0')
  return words.some(
    (word, index) => word === `--dbpath=${dbPath}` || (word === '--dbpath' && words[index + 1] === dbPath),
  )
}

/** A zombie holds neither files nor ports; only its parent can make it go. */
export function isZombie(stat: string): boolean {
  return stat.slice(stat.lastIndexOf(')') + 1).startsWith(' Z')
}

async function hasEnded(pid: number, dbPath: string, deadlineMs: number, signal: AbortSignal): Promise<boolean> {
  const endsAt = performance.now() + deadlineMs
  while (performance.now() < endsAt) {
    if (!(await isMongodOf(pid, dbPath))) return true
    await delay(POLL_MS, undefined, { signal })
  }
  return false
}
