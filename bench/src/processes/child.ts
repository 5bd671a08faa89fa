import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const START_LIMIT_MS = 30_000
const STOP_LIMIT_MS = 30_000
const KEPT_BYTES = 8_000

/** Runs a process of the benchmark. It ends with this one, whose end closes its IPC channel. */
export class Child implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #exited: Promise<unknown>
  #output = ''

  constructor(script: URL, args: readonly string[], env: Readonly<Record<string, string | undefined>> = {}) {
    this.#process = spawn(process.execPath, [fileURLToPath(script), ...args], {
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

  get pid(): number {
    return this.#process.pid ?? -1
  }

  /** Gives the end of what the process printed, for when something goes wrong. */
  get output(): string {
    return this.#output
  }

  get hasExited(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null
  }

  /** @returns the first message that the process sends, which is its address */
  async address(): Promise<string> {
    return String(await this.#message(START_LIMIT_MS))
  }

  /** @returns what the process answers */
  async ask(message: object, limitMs: number): Promise<unknown> {
    const answer = this.#message(limitMs)
    this.#process.send(message)
    return answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.hasExited) return
    this.#process.kill('SIGTERM')
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_LIMIT_MS)
    await this.#exited
    clearTimeout(timer)
  }

  async #message(limitMs: number): Promise<unknown> {
    const over = new AbortController()
    const signal = AbortSignal.any([over.signal, AbortSignal.timeout(limitMs)])
    const exited = once(this.#process, 'exit', { signal }).then(() => {
      throw new Error(`a process of the benchmark ended:\n${this.#output}`)
    })
    try {
      const [message] = await Promise.race([once(this.#process, 'message', { signal }), exited])
      return message
    } finally {
      exited.catch(() => undefined)
      over.abort()
    }
  }
}
