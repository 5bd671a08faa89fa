import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FileName } from '@holdfast/shared/file-name'
import type { ClusterId, ServerId } from '@holdfast/shared/ids'
import { createLogger } from '@holdfast/shared/node/logger'
import mongoose, { type Connection } from 'mongoose'
import { afterAll, afterEach, beforeAll, inject } from 'vitest'
import { copiesIn } from '../../../test/cluster/disk.ts'
import { TestProcess } from '../../../test/cluster/test-process.ts'
import { waitUntil } from '../../../test/cluster/wait-until.ts'
import { IncomingBytes } from '../../src/bodies/incoming-bytes.ts'
import type { FileServerLink } from '../../src/chunks/links/file-server-link.ts'
import { SocketServer } from '../../src/chunks/links/socket-server.ts'
import { HedgeBudget } from '../../src/chunks/reading/hedge-budget.ts'
import { PartBuffers } from '../../src/chunks/reading/part-buffers.ts'
import { FileServerRegistry } from '../../src/chunks/registry.ts'
import { ChunkWriter } from '../../src/chunks/writing/chunk-writer.ts'
import { chunksOf, type FileRecord, prepareFileModel } from '../../src/files/file.model.ts'
import { FileRecords } from '../../src/files/file-records.ts'
import { readFile } from '../../src/files/get-file.ts'
import { HolderRecords } from '../../src/files/holder-records.ts'
import { putFile } from '../../src/files/put-file.ts'
import { garbageCollector } from '../../src/upkeep/collect-garbage.ts'
import { moveReplica } from '../../src/upkeep/move-replica.ts'
import { type ReconcileReport, reconcileServer } from '../../src/upkeep/reconcile-server.ts'

const quiet = createLogger('test', 'silent')
const never = (): AbortSignal => new AbortController().signal

/** One manager works with these, real and in this process, so that a test can stop it between any two steps. */
export interface ManagerDeps {
  readonly registry: FileServerRegistry
  readonly records: FileRecords
  readonly holders: HolderRecords
  readonly writer: ChunkWriter
  readonly buffers: PartBuffers
  readonly hedges: HedgeBudget
}

/**
 * Runs managers in this process, real file-servers as processes, and a database of its own. To close it removes all that it
 * wrote.
 */
export class FaultCluster implements AsyncDisposable {
  readonly managers: ManagerDeps[] = []
  readonly fileServers: { readonly process: TestProcess; readonly directory: string }[] = []
  readonly connection: Connection
  readonly #directory: string
  readonly #closing: (() => Promise<unknown>)[] = []

  private constructor(connection: Connection, directory: string) {
    this.connection = connection
    this.#directory = directory
  }

  static async start(options: { mongoUrl: string; managers?: number; fileServers: number }): Promise<FaultCluster> {
    const url = new URL(options.mongoUrl)
    url.pathname = `/faults-${randomBytes(6).toString('hex')}`
    const connection = await mongoose.createConnection(url.href, { readConcern: { level: 'majority' } }).asPromise()
    const cluster = new FaultCluster(connection, await mkdtemp(join(tmpdir(), 'holdfast-faults-')))
    try {
      await cluster.#startAll(options.managers ?? 2, options.fileServers)
      return cluster
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
  }

  async #startAll(managerCount: number, fileServerCount: number): Promise<void> {
    const secret = randomBytes(16).toString('hex')
    const model = await prepareFileModel(this.connection)
    const clusterId = randomBytes(8).toString('hex') as ClusterId
    const urls: string[] = []
    for (let index = 0; index < managerCount; index++) {
      const httpServer = createServer().listen(0, '127.0.0.1')
      await once(httpServer, 'listening')
      urls.push(`http://127.0.0.1:${(httpServer.address() as AddressInfo).port}`)
      const registry = new FileServerRegistry(15_000)
      const identity = { managerId: randomBytes(8).toString('hex'), clusterId, secret }
      const socketServer = new SocketServer({
        httpServer,
        registry,
        identity,
        log: quiet,
        managers: () => urls,
        countFiles: async () => 0,
        onConnected: () => undefined,
      })
      this.#closing.push(
        () => socketServer.close(),
        async () => httpServer.closeAllConnections(),
      )
      this.managers.push({
        registry,
        records: new FileRecords(model),
        holders: new HolderRecords(model),
        writer: new ChunkWriter(registry),
        buffers: new PartBuffers(),
        hedges: new HedgeBudget(),
      })
    }
    for (let number = 1; number <= fileServerCount; number++) {
      const directory = join(this.#directory, `${number}`)
      const environment = { MANAGERS: urls.join(','), CLUSTER_SECRET: secret, DATA_DIR: directory }
      const process = new TestProcess('file-server', { ...environment, NAME: `${number}`, MIN_FREE_BYTES: '1MiB' })
      this.fileServers.push({ process, directory })
    }
    await waitUntil('every file-server is connected to every manager', () =>
      this.managers.every(({ registry }) => registry.links.length === fileServerCount),
    )
  }

  get first(): ManagerDeps {
    return this.managers[0] ?? raise('no manager')
  }

  get second(): ManagerDeps {
    return this.managers[1] ?? raise('no second manager')
  }

  async upload(name: string, bytes: Buffer, by: ManagerDeps = this.first): Promise<FileRecord> {
    const pieces = (async function* () {
      if (bytes.length > 0) yield bytes
    })()
    const file = {
      earlyName: name as FileName,
      bytes: new IncomingBytes('binary', pieces),
      finish: async () => name as FileName,
    }
    return putFile(by, file, { requestId: 'test', signal: never() })
  }

  /** @returns what a client would get, or null where there is no such file */
  async read(name: string, by: ManagerDeps = this.first): Promise<Buffer | null> {
    const record = await by.records.findLive(name as FileName)
    if (record === null) return null
    const context = { requestId: 'test', signal: never(), log: quiet }
    const parts: Buffer[] = []
    const pace = { isAhead: false, isTaken: () => false }
    for await (const part of readFile(by, record, { start: 0, end: record.size }, context, pace)) parts.push(part)
    return Buffer.concat(parts)
  }

  /**
   * Moves a file to a file-server that does not have it.
   * @param to the place of that file-server among them, in the order of ids
   */
  move(record: FileRecord, by: ManagerDeps, to = 0): Promise<boolean> {
    const from = record.chunks[0]?.replicas[0]?.server ?? raise('no replica')
    const others = by.registry.links.map((link) => link.id).filter((id) => id !== from)
    const [place = raise('no chunk')] = chunksOf(record)
    const servers = { from, to: others.sort()[to] ?? raise('no other file-server') }
    return moveReplica({ ...by, log: quiet }, record, place, servers, never())
  }

  /** Makes one pass over every file-server, and keeps nothing for a grace period. */
  async reconcile(by: ManagerDeps = this.second): Promise<ReconcileReport[]> {
    const limits = { graceMs: 0, maxSharePercent: 100 }
    const reports: ReconcileReport[] = []
    for (const link of by.registry.links) reports.push(await reconcileServer(by.holders, link, limits, quiet, never()))
    return reports
  }

  /** Makes one pass over what deletes and moves have left for later. */
  async collectGarbage(by: ManagerDeps = this.second): Promise<void> {
    await garbageCollector({ ...by, log: quiet }, 0).run(never())
  }

  linkTo(server: ServerId, by: ManagerDeps = this.first): FileServerLink {
    return by.registry.find(server) ?? raise('not connected')
  }

  copies(): Promise<readonly string[]> {
    return copiesIn(this.fileServers.map((member) => member.directory))
  }

  /** Does the same without a turn of the event loop in between. */
  copiesNow(): readonly string[] {
    return this.fileServers
      .map(({ directory }) => join(directory, 'tree'))
      .flatMap((tree) => readdirSync(tree, { recursive: true, encoding: 'utf8' }).map((name) => join(tree, name)))
      .filter((path) => statSync(path).isFile())
  }

  /** Leaves no record and no copy. */
  async clear(): Promise<void> {
    await this.connection.collection('files').deleteMany({})
    await this.reconcile(this.first)
    await this.connection.collection('files').deleteMany({})
    await waitUntil('no copy is left', async () => (await this.copies()).length === 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.fileServers.map(({ process }) => process.kill()))
    for (const close of this.#closing) await close()
    await this.connection.dropDatabase()
    await this.connection.close()
    await rm(this.#directory, { recursive: true, force: true })
  }
}

/** @returns the one cluster of all tests of a file; what each of them leaves is cleared away, for to start one takes seconds */
export function useFaultCluster(fileServers: number): () => FaultCluster {
  let cluster: FaultCluster | null = null
  const get = (): FaultCluster => cluster ?? raise('the cluster has not started')
  beforeAll(async () => {
    cluster = await FaultCluster.start({ mongoUrl: inject('mongoUrl'), fileServers })
  })
  afterEach(() => get().clear())
  afterAll(() => cluster?.[Symbol.asyncDispose]())
  return get
}

function raise(message: string): never {
  throw new Error(message)
}
