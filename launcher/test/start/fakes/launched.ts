import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { RunFile } from '@holdfast/shared/run-file'
import { afterEach, beforeEach } from 'vitest'

const script = fileURLToPath(new URL('./launch.mjs', import.meta.url))

export const anyPort = ['--port', '0']

/** @returns the directory of the running test; processes that still run in it are killed at the test's end */
export function useLauncherDirectory(): () => string {
  let directory = ''
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'holdfast-launcher-'))
  })
  afterEach(async () => {
    for (const pid of await processesOf(directory)) killIfThere(pid)
    await eventually(async () => (await processesOf(directory)).length === 0)
    await rm(directory, { recursive: true, force: true })
  })
  return () => directory
}

/** The built launcher runs in a process of its own, and starts fake programs. */
export class Launched {
  output = ''
  readonly #child: ChildProcess
  readonly #directory: string
  readonly ended: Promise<number | null>

  /**
   * @param options `stdout` is an open file for what it prints, which `output` then lacks; `fileLimit` counts
   * descriptors
   */
  constructor(
    directory: string,
    args: readonly string[],
    environment: NodeJS.ProcessEnv = {},
    { fileLimit = 4096, stdout = 'pipe' }: { fileLimit?: number; stdout?: 'pipe' | number } = {},
  ) {
    this.#directory = directory
    const command = [script, '--data', directory, ...args]
    // "$0" is Node and "$@" are its arguments; exec makes signals reach it.
    this.#child = spawn('sh', ['-c', `ulimit -n ${fileLimit} && exec "$0" "$@"`, process.execPath, ...command], {
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        XDG_CACHE_HOME: process.env.XDG_CACHE_HOME,
        HOLDFAST_TEST_MARK: directory,
        // The fakes never connect to this address.
        MONGO_URL: 'mongodb://127.0.0.1:9/holdfast',
        ...environment,
      },
      detached: true,
      stdio: ['ignore', stdout, 'pipe'],
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString()
      })
    }
    this.ended = new Promise((resolve) => this.#child.once('close', (code) => resolve(code)))
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** Does what a terminal does on Ctrl-C. */
  pressCtrlC(): void {
    if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGINT')
  }

  async until(text: string | RegExp): Promise<void> {
    await eventually(
      () => (typeof text === 'string' ? this.output.includes(text) : text.test(this.output)),
      () => this.output,
    )
  }

  async untilRunning(): Promise<RunFile> {
    await this.until('Ctrl-C stops everything')
    return JSON.parse(await readFile(`${this.#directory}/run.json`, 'utf8'))
  }
}

/** @returns the launcher of this data directory and the processes that it started */
export async function processesOf(directory: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const environments = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')))
  return pids.filter((_, index) => environments[index]?.includes(`HOLDFAST_TEST_MARK=${directory}\0`)).map(Number)
}

/** One of them may end by itself after it was found. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

export async function eventually(
  isTrue: () => boolean | Promise<boolean>,
  explain: () => string = () => '',
  deadlineMs = 45_000,
): Promise<void> {
  const endsAt = performance.now() + deadlineMs
  while (!(await isTrue())) {
    if (performance.now() > endsAt) throw new Error(`not true after ${deadlineMs} ms: ${explain()}`)
    await delay(20)
  }
}
