import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from './wait-until.ts'

/** `holdfast peer` looks first whether the sources have changed, which takes longer than a whole test here. */
const code = `
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())
const { main } = await import(${JSON.stringify(new URL('../../peer/bundle/main.js', import.meta.url).href)})
process.exit(await main(process.argv.slice(1), { manager: 'http://127.0.0.1:9', signal: stop.signal }))`

export interface PeerOutcome {
  readonly code: number | null
  readonly out: string
  readonly errors: string
}

/** A real peer with a directory and a config of its own, which it is removed with. */
export class TestPeer implements AsyncDisposable {
  readonly directory: string
  readonly #processes = new Set<PeerProcess>()

  private constructor(directory: string) {
    this.directory = directory
  }

  /** @param host is where it listens */
  static async make(managerUrl: string, host = '127.0.0.1'): Promise<TestPeer> {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-peer-'))
    const { hostname, port } = new URL(managerUrl)
    await mkdir(join(directory, 'cfgs'))
    const config = {
      self: { service: '../data', host, port: 0 },
      tracker: { host: `http://${hostname}`, port: Number(port) },
    }
    await writeFile(join(directory, 'cfgs/cfg.json'), JSON.stringify(config))
    return new TestPeer(directory)
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  /** Starts a peer that runs until it is ended, and waits until it listens. */
  async run(): Promise<PeerProcess> {
    const started = this.start([])
    await started.says('the peer listens at')
    return started
  }

  start(words: readonly string[]): PeerProcess {
    const started = new PeerProcess(this.directory, ['cfgs/cfg.json', ...words])
    this.#processes.add(started)
    return started
  }

  /** Carries out one command. */
  do(...words: string[]): Promise<PeerOutcome> {
    return this.start(words).outcome
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#processes].map((running) => running.kill()))
    await rm(this.directory, { recursive: true, force: true })
  }
}

export class PeerProcess {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  #out = ''
  #errors = ''

  constructor(directory: string, args: readonly string[]) {
    const { PATH = '', HOME = '' } = process.env
    this.#child = spawn(process.execPath, ['--input-type=module', '-e', code, '--', ...args], {
      cwd: directory,
      env: { PATH, HOME },
    })
    this.#ended = once(this.#child, 'close')
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#out += text
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text
    })
  }

  get outcome(): Promise<PeerOutcome> {
    return this.#ended.then(() => ({ code: this.#child.exitCode, out: this.#out, errors: this.#errors }))
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** What it has said so far, beside its results. */
  get said(): string {
    return this.#errors
  }

  type(line: string): void {
    this.#child.stdin?.write(`${line}\n`)
  }

  /** Waits until the peer has said or printed a text. */
  says(text: string): Promise<void> {
    return waitUntil(`the peer says: ${text}`, () => this.hasPrinted(text) || this.#errors)
  }

  hasPrinted(text: string): boolean {
    return this.#out.includes(text) || this.#errors.includes(text)
  }

  async stop(): Promise<PeerOutcome> {
    this.#child.kill('SIGTERM')
    return this.outcome
  }

  /** Has it do nothing until `thaw`. */
  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child.kill('SIGCONT')
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }
}
