import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

const STOP_LIMIT_MS = 30_000
const KEPT_BYTES = 8_000

/** A process of the benchmark. It ends with this one: its IPC channel closes. */
export class Child implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #exited: Promise<unknown>
  #output = ''

  constructor(script: URL, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#process = spawn(process.execPath, [script.pathname, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#exited = once(this.#process, 'exit')
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-KEPT_BYTES)
      })
    }
  }

  /** The end of what it printed, for when something goes wrong. */
  get output(): string {
    return this.#output
  }

  get hasExited(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null
  }

  /** @returns the first message that it sends: its address. */
  async address(): Promise<string> {
    const signal = AbortSignal.timeout(STOP_LIMIT_MS)
    const message = once(this.#process, 'message', { signal }).then(([url]) => String(url))
    const exited = this.#exited.then(() => {
      throw new Error(`a server of the benchmark ended at its start:\n${this.#output}`)
    })
    return Promise.race([message, exited])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.hasExited) return
    this.#process.kill('SIGTERM')
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_LIMIT_MS)
    await this.#exited
    clearTimeout(timer)
  }
}
