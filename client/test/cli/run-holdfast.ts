import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { readAll, StandInManager } from '../stand-in-manager.ts'

export const main = fileURLToPath(new URL('../../bundle/cli/main.js', import.meta.url))

/** A test gets a manager, and a directory in which it runs the command as a user would. */
export class Workplace implements AsyncDisposable {
  readonly manager: StandInManager
  readonly directory: string

  constructor(manager: StandInManager, directory: string) {
    this.manager = manager
    this.directory = directory
  }

  static async make(): Promise<Workplace> {
    const manager = await StandInManager.start()
    return new Workplace(manager, await mkdtemp(join(tmpdir(), 'holdfast-cli-')))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager[Symbol.asyncDispose]()
    await rm(this.directory, { recursive: true })
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  spawn(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const env = { ...process.env, HOLDFAST_URL: this.manager.url, MAIN: main, ...options.env }
    return spawn(command, args, { timeout: 45_000, ...options, cwd: this.directory, env })
  }

  /** Runs `holdfast` with these arguments. */
  run(args: readonly string[], input?: Uint8Array, options?: SpawnOptions) {
    return outcomeOf(this.spawn(process.execPath, [main, ...args], options), input)
  }

  /** Runs a line of bash, in which `hf` is the command. */
  bash(line: string) {
    return outcomeOf(this.spawn('bash', ['-c', `hf() { "${process.execPath}" "$MAIN" "$@"; }; ${line}`]))
  }
}

export async function outcomeOf(child: ChildProcess, input: Uint8Array = Buffer.alloc(0)) {
  // A command that needs no input may end before the input is written.
  child.stdin?.on('error', (error: NodeJS.ErrnoException) => expect(error.code).toBe('EPIPE'))
  child.stdin?.end(input)
  const read = (stream: Readable | null) => (stream === null || stream.destroyed ? Buffer.alloc(0) : readAll(stream))
  const [stdout, stderr, code] = await Promise.all([
    read(child.stdout),
    read(child.stderr),
    new Promise<number | null>((resolve) => child.on('close', resolve)),
  ])
  return { stdout, text: stdout.toString(), errors: stderr.toString(), code }
}

/** Ends whatever a line of bash has left running. @param leader was started `detached` */
export function endGroup(leader: ChildProcess): void {
  try {
    if (leader.pid !== undefined) process.kill(-leader.pid, 'SIGKILL')
  } catch (error) {
    expect(error).toMatchObject({ code: 'ESRCH' })
  }
}

/** Node handles SIGINT and SIGTERM by itself, but not this signal. */
const SIGHUP_BIT = 1n

/** @throws where the process does not handle signals yet, and would be ended by them */
export async function isReadyForSignals(child: ChildProcess): Promise<void> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
  const caught = BigInt(`0x${/^SigCgt:\s+([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`)
  expect(caught & SIGHUP_BIT).toBe(SIGHUP_BIT)
}
