import { type ChildProcess, spawn } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { RunFile } from '@holdfast/shared/run-file'

const script = fileURLToPath(new URL('./launch.ts', import.meta.url))
const tsconfig = fileURLToPath(new URL('../../../../tsconfig.check.json', import.meta.url))
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx/esm')).href

/** A launcher in a process of its own, with fake programs to start. */
export class Launched {
  output = ''
  readonly #child: ChildProcess
  readonly #directory: string
  readonly ended: Promise<number | null>

  /** @param options `stdout` is an open file for what it prints, which is not in `output` then; `fileLimit` counts descriptors */
  constructor(
    directory: string,
    args: readonly string[],
    environment: NodeJS.ProcessEnv = {},
    { fileLimit = 4096, stdout = 'pipe' }: { fileLimit?: number; stdout?: 'pipe' | number } = {},
  ) {
    this.#directory = directory
    const command = ['--import', tsx, script, '--data', directory, ...args]
    // "$0" is Node, "$@" what it runs: exec, so that a signal reaches it.
    this.#child = spawn('sh', ['-c', `ulimit -n ${fileLimit} && exec "$0" "$@"`, process.execPath, ...command], {
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        XDG_CACHE_HOME: process.env.XDG_CACHE_HOME,
        TSX_TSCONFIG_PATH: tsconfig,
        HOLDFAST_TEST_MARK: directory,
        // The fakes do not connect.
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

  /** What a terminal does on Ctrl-C. */
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

/** Processes that a launcher of this data directory started, and itself. */
export async function processesOf(directory: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const environments = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')))
  return pids.filter((_, index) => environments[index]?.includes(`HOLDFAST_TEST_MARK=${directory}\0`)).map(Number)
}

export async function eventually(
  isTrue: () => boolean | Promise<boolean>,
  explain: () => string = () => '',
  deadlineMs = 15_000,
): Promise<void> {
  const endsAt = performance.now() + deadlineMs
  while (!(await isTrue())) {
    if (performance.now() > endsAt) throw new Error(`not true after ${deadlineMs} ms: ${explain()}`)
    await delay(20)
  }
}
