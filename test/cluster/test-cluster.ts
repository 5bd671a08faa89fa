import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ActiveNode } from '@holdfast/client/answers'
import { TestProcess } from './test-process.ts'
import { waitUntil } from './wait-until.ts'

export interface TestClusterOptions {
  /** It leads to MongoDB and names no database, because the cluster takes one of its own. */
  readonly mongoUrl: string
  readonly fileServers?: number
  readonly managers?: number
  readonly managerEnvironment?: Record<string, string>
  readonly fileServerEnvironment?: Record<string, string>
  /** @returns what one file-server has besides, by its number. */
  readonly environmentOf?: (number: number) => Record<string, string>
  /** The data directories are made there, so that they can lie on a disk of the test's own. */
  readonly parent?: string
}

interface Member {
  process: TestProcess
  readonly environment: Record<string, string>
}

/**
 * Its managers and file-servers are real processes on free ports, over the suite's MongoDB. It is removed with all it
 * wrote.
 */
export class TestCluster implements AsyncDisposable {
  readonly directory: string
  /** Managers load torrents there. It lies on no disk of the test's own, which they would keep busy. */
  readonly torrentsDirectory: string
  readonly secret = randomBytes(16).toString('hex')
  readonly mongoUrl: string
  readonly managers: (Member & { url: string })[] = []
  readonly fileServers: (Member & { readonly directory: string })[] = []
  readonly #options: TestClusterOptions

  private constructor(options: TestClusterOptions, directory: string, torrentsDirectory: string) {
    this.#options = options
    this.directory = directory
    this.torrentsDirectory = torrentsDirectory
    const url = new URL(options.mongoUrl)
    url.pathname = `/test-${randomBytes(6).toString('hex')}`
    this.mongoUrl = url.href
  }

  static async start(options: TestClusterOptions): Promise<TestCluster> {
    const { fileServers = 3, managers = 1 } = options
    const directory = await mkdtemp(join(options.parent ?? tmpdir(), 'holdfast-test-'))
    const cluster = new TestCluster(options, directory, await mkdtemp(join(tmpdir(), 'holdfast-torrents-')))
    try {
      await Promise.all(Array.from({ length: managers }, () => cluster.addManager()))
      for (let number = 1; number <= fileServers; number++) cluster.addFileServer()
      await cluster.settled()
      return cluster
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Leads to the first manager. */
  get url(): string {
    return this.managers[0]?.url ?? ''
  }

  get directories(): string[] {
    return this.fileServers.map((member) => member.directory)
  }

  /** Starts a manager that may not come up. The test ends it. */
  startManagerProcess(environment: Record<string, string>): TestProcess {
    return new TestProcess('manager', { ...this.#managerEnvironment(), ...environment })
  }

  async addManager(): Promise<void> {
    const environment = this.#managerEnvironment()
    const process = new TestProcess('manager', environment)
    const { url } = await process.line((line) => line.message === 'manager started')
    const port = new URL(String(url)).port
    // A restart comes back to the same port, as a service does.
    this.managers.push({ process, url: String(url), environment: { ...environment, PORT: port } })
  }

  #managerEnvironment(): Record<string, string> {
    return {
      ...{ MONGO_URL: this.mongoUrl, CLUSTER_SECRET: this.secret, PORT: '0', SEED_PORT: '0' },
      TORRENT_DIR: this.torrentsDirectory,
      ...this.#options.managerEnvironment,
    }
  }

  addFileServer(environment: Record<string, string> = {}): void {
    const number = this.fileServers.length + 1
    const name = String(number)
    const directory = join(this.directory, name)
    const full = {
      MANAGERS: this.managers.map((manager) => manager.url).join(','),
      CLUSTER_SECRET: this.secret,
      DATA_DIR: directory,
      NAME: name,
      MIN_FREE_BYTES: '1MiB',
      ...this.#options.environmentOf?.(number),
      ...this.#options.fileServerEnvironment,
      ...environment,
    }
    const process = new TestProcess('file-server', full)
    this.fileServers.push({ process, environment: full, directory: full.DATA_DIR })
  }

  /** @param environment is what this one run of it has besides */
  async restartFileServer(index: number, environment: Record<string, string> = {}): Promise<void> {
    const member = this.fileServers[index]
    if (member === undefined) throw new Error(`no file-server ${index}`)
    await member.process.stop()
    member.process = new TestProcess('file-server', { ...member.environment, ...environment })
  }

  /** @param environment is what this one run of it has besides */
  async restartManager(index = 0, environment: Record<string, string> = {}): Promise<void> {
    const member = this.managers[index]
    if (member === undefined) throw new Error(`no manager ${index}`)
    await member.process.stop()
    member.process = new TestProcess('manager', { ...member.environment, ...environment })
    await member.process.line((line) => line.message === 'manager started')
  }

  /** Ends a manager as a power cut would; `restartManager` has it come back. */
  async killManager(index = 0): Promise<void> {
    await this.managers[index]?.process.kill()
  }

  async activeNodes(managerIndex = 0): Promise<ActiveNode[]> {
    const response = await fetch(`${this.managers[managerIndex]?.url}/active-nodes`)
    return (await response.json()) as ActiveNode[]
  }

  /** Waits until every running file-server is connected to every running manager and has counted. */
  async settled(): Promise<void> {
    const expected = this.fileServers.filter((member) => member.process.isRunning).length
    for (const [index, manager] of this.managers.entries()) {
      if (!manager.process.isRunning) continue
      await waitUntil(`${expected} file-servers are active`, async () => {
        const nodes = await this.activeNodes(index)
        return (nodes.length === expected && nodes.every((node) => node.state !== 'counting')) || nodes
      })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const processes = [...this.managers, ...this.fileServers].map((member) => member.process)
    for (const process of processes) process.signal('SIGCONT')
    await Promise.all(processes.map((process) => (process.isRunning ? process.kill() : null)))
    for (const directory of [this.torrentsDirectory, this.directory])
      await rm(directory, { recursive: true, force: true, maxRetries: 10 })
  }
}
