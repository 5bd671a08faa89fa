import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { nodeFlags } from '@holdfast/launcher/processes/node-flags'

const programs = {
  manager: { entry: '../../manager/bundle/main.js', flags: nodeFlags.manager },
  'file-server': { entry: '../../file-server/bundle/main.js', flags: nodeFlags.fileServer },
} as const

/** The last lines of a process's log are kept, at most this many, to be shown when a test fails. */
const KEPT_LINES = 2_000

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly [field: string]: unknown
}

/** A real manager or file-server, run as it is in production: built, in a process of its own. */
export class TestProcess {
  readonly kind: keyof typeof programs
  readonly lines: LogLine[] = []
  readonly #child: ChildProcess
  readonly #exited: Promise<number | null>
  readonly #watchers = new Set<() => void>()
  #isExpectedToEnd = false

  constructor(kind: keyof typeof programs, environment: Record<string, string>) {
    this.kind = kind
    const { entry, flags } = programs[kind]
    const { PATH = '', HOME = '' } = process.env
    this.#child = fork(fileURLToPath(new URL(entry, import.meta.url)), [], {
      execArgv: [...flags],
      env: { PATH, HOME, UV_THREADPOOL_SIZE: '16', ...environment },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
    this.#exited = once(this.#child, 'exit').then(([code]) => {
      if (!this.#isExpectedToEnd) console.error(`${kind} ended by itself with ${code}`, this.lines.slice(-5))
      return code as number | null
    })
    let rest = ''
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#keep(line)
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Resolves with the exit code, null after a signal. */
  get exited(): Promise<number | null> {
    this.#isExpectedToEnd = true
    return this.#exited
  }

  signal(signal: NodeJS.Signals): void {
    if (signal !== 'SIGCONT' && signal !== 'SIGSTOP') this.#isExpectedToEnd = true
    this.#child.kill(signal)
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.#exited
  }

  /** Ends orderly. @returns the exit code */
  async stop(): Promise<number | null> {
    if (this.isRunning) this.signal('SIGTERM')
    return this.#exited
  }

  /**
   * Resolves with the first line, earlier ones included, that `isWanted`; fails when the process ends before it comes.
   */
  async line(isWanted: (line: LogLine) => boolean, deadlineMs = 60_000): Promise<LogLine> {
    const found = (): LogLine | undefined => this.lines.find(isWanted)
    return new Promise((resolve, reject) => {
      const end = (error?: Error): void => {
        clearTimeout(timer)
        this.#watchers.delete(look)
        const line = found()
        if (line !== undefined) resolve(line)
        else reject(error ?? new Error('ended'))
      }
      const look = (): void => {
        if (found() !== undefined) end()
      }
      const timer = setTimeout(() => end(new Error(`${this.kind}: the awaited line did not come`)), deadlineMs)
      this.#watchers.add(look)
      void this.#exited.then((code) =>
        end(new Error(`${this.kind} ended with ${code}: ${JSON.stringify(this.lines.at(-1))}`)),
      )
      look()
    })
  }

  #keep(line: string): void {
    try {
      this.lines.push(JSON.parse(line) as LogLine)
    } catch {
      this.lines.push({ level: 'raw', message: line })
    }
    if (this.lines.length > KEPT_LINES) this.lines.shift()
    for (const look of [...this.#watchers]) look()
  }
}
