import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type Dirent, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FileName } from '@holdfast/shared/file-name'
import type { ClusterId, Digest, FileId, ServerId } from '@holdfast/shared/ids'
import { INLINE_MAX_BYTES } from '@holdfast/shared/limits'
import { createLogger } from '@holdfast/shared/node/logger'
import { BufferPool } from '@holdfast/shared/wire/buffer-pool'
import mongoose, { type Connection, Types } from 'mongoose'
import { afterAll, afterEach, beforeAll, inject } from 'vitest'
import { copiesIn } from '../../../test/cluster/disk.ts'
import { TestProcess } from '../../../test/cluster/test-process.ts'
import { waitUntil } from '../../../test/cluster/wait-until.ts'
import { IncomingBytes } from '../../src/bodies/incoming-bytes.ts'
import type { Chunk, Replica } from '../../src/chunks/chunk.ts'
import type { FileServerLink } from '../../src/chunks/links/file-server-link.ts'
import { SocketServer } from '../../src/chunks/links/socket-server.ts'
import { HedgeBudget } from '../../src/chunks/reading/hedge-budget.ts'
import { FileServerRegistry } from '../../src/chunks/registry.ts'
import { chunkWriter } from '../../src/chunks/writing/chunk-writer.ts'
import { DirectTransfers } from '../../src/chunks/writing/direct-transfers.ts'
import { storeCopy } from '../../src/chunks/writing/store-copy.ts'
import { UploadMemory } from '../../src/chunks/writing/upload-memory.ts'
import { chunksOf, type FileRecord, prepareFileModel } from '../../src/files/file.model.ts'
import { FileRecords } from '../../src/files/file-records.ts'
import { readFile } from '../../src/files/get-file.ts'
import { HolderRecords } from '../../src/files/holder-records.ts'
import { OpenFiles } from '../../src/files/open-files.ts'
import { type PutDeps, putFile } from '../../src/files/put-file.ts'
import { garbageCollector } from '../../src/upkeep/collect-garbage.ts'
import { FileServerDirectory, type MissingShare } from '../../src/upkeep/file-server-directory.ts'
import { moveReplica } from '../../src/upkeep/move-replica.ts'
import { type ReconcileReport, reconcileServer } from '../../src/upkeep/reconcile/reconcile-server.ts'
import { replicator } from '../../src/upkeep/replicate/replicate.ts'
import { Throttle } from '../../src/upkeep/throttle.ts'
import type { Loop } from '../../src/upkeep/upkeep.ts'

const quiet = createLogger('test', 'silent')
const never = (): AbortSignal => new AbortController().signal

/** One manager works with these, real and in this process, so that a test can stop it between any two steps. */
export interface ManagerDeps extends PutDeps {
  readonly registry: FileServerRegistry
  readonly holders: HolderRecords
  readonly buffers: BufferPool
  readonly direct: DirectTransfers
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
  #startProcess: (name: string, directory: string) => TestProcess = () => raise('not started')
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
        countCopies: async () => 0,
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
        writer: chunkWriter(registry),
        openFiles: new OpenFiles(model),
        uploadMemory: new UploadMemory(64 * 1024 * 1024),
        replicas: { replicas: 2, least: 1 },
        buffers: new BufferPool(),
        direct: new DirectTransfers(secret, quiet),
        hedges: new HedgeBudget(),
      })
    }
    this.#startProcess = (name, directory) => {
      const environment = { MANAGERS: urls.join(','), CLUSTER_SECRET: secret, DATA_DIR: directory, NAME: name }
      return new TestProcess('file-server', { ...environment, MIN_FREE_BYTES: '1MiB' })
    }
    for (let number = 1; number <= fileServerCount; number++) {
      const directory = join(this.#directory, `${number}`)
      this.fileServers.push({ process: this.#startProcess(`${number}`, directory), directory })
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
    const wish = { storageClass: 'single', addressedBy: 'path' } as const
    return putFile(by, file, wish, { requestId: 'test', signal: never(), stopReading: () => undefined })
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
  async reconcile(by: ManagerDeps = this.second, maxSharePercent = 100): Promise<ReconcileReport[]> {
    const limits = { graceMs: 0, maxSharePercent }
    const reports: ReconcileReport[] = []
    const fileServers = this.directoryOf(by)
    const deps = {
      ...{ holders: by.holders, buffers: by.buffers, throttle: new Throttle(1e12), log: quiet },
      noteMissingShare: (id: ServerId, share: MissingShare | null) => fileServers.noteMissingShare(id, share),
    }
    for (const link of by.registry.links) reports.push(await reconcileServer(deps, link, limits, never()))
    return reports
  }

  directoryOf({ registry }: ManagerDeps, graceMs = 300): FileServerDirectory {
    const database = { connection: this.connection, isAvailable: true, close: async () => undefined }
    return new FileServerDirectory(
      { database, registry, log: quiet },
      { fileServerGraceMs: graceMs, activeWithinMs: 15_000 },
    )
  }

  /** @returns the loop that heals, of a manager that has held the lease for long */
  replicator(by: ManagerDeps = this.first, settings: { readonly roundMs?: number } = {}): Loop {
    const counts = { lacking: null, countSoon: () => undefined }
    const lease = { isHeld: true, heldMs: 1e9 }
    const deps = { ...by, fileServers: this.directoryOf(by), lease, counts, throttle: new Throttle(1e12), log: quiet }
    return replicator(deps, { everyMs: 0, replicas: 2, ...settings })
  }

  /** Heals until there is nothing more to do at once. @returns why it is stuck, where it is */
  async heal(by: ManagerDeps = this.first, loop = this.replicator(by)): Promise<string | undefined> {
    for (let round = 0; await loop.run(never()); round++) if (round > 200) raise('healing does not end')
    return loop.progress?.().stuck
  }

  /** Stores a file of class `replicated`, each of whose chunks is on the file-servers with these names. */
  async uploadReplicated(name: string, chunks: readonly Buffer[], on: readonly string[]): Promise<FileRecord> {
    const { writer, records } = this.first
    const _id = new Types.ObjectId()
    const placed: Chunk[] = []
    for (const [number, bytes] of chunks.entries()) {
      const sha256 = createHash('sha256').update(bytes).digest('hex') as Digest
      const replicas: Replica[] = []
      for (const server of on) {
        const copyId = writer.copyIds.next(_id.toHexString() as FileId, number)
        const order = { copyId, encoding: 'binary', sizeBytes: bytes.length, sha256, requestId: 'test' } as const
        const link = this.linkNamed(server)
        const pieces = (async function* () {
          yield bytes
        })()
        const isSmall = bytes.length <= INLINE_MAX_BYTES
        const source = isSmall
          ? ({ kind: 'inline', bytes } as const)
          : ({ kind: 'stream', chunks: pieces, partKey: null } as const)
        replicas.push({ server: link.id, slot: (await storeCopy(link, order, source)).slot, copyId })
      }
      placed.push({ size: bytes.length, sha256, replicas, version: 0 })
    }
    const whole = Buffer.concat(chunks)
    const record: FileRecord = {
      ...{ _id, state: 'live', addressedBy: 'path', name: name as FileName, size: whole.length, chunks: placed },
      sha256: createHash('sha256').update(whole).digest('hex') as Digest,
      ...{ contentType: 'text/plain', owner: null, storageClass: 'replicated' },
      ...{ createdAt: new Date(), expiresAt: null },
    }
    await records.insert(record)
    return record
  }

  async recordOf(name: string): Promise<FileRecord> {
    return (await this.first.records.findLive(name as FileName)) ?? raise(`no file ${name}`)
  }

  linkNamed(name: string, by: ManagerDeps = this.first): FileServerLink {
    return by.registry.links.find((link) => link.name === name) ?? raise(`${name} is not connected`)
  }

  /** Ends a file-server's process, and waits until every manager knows. */
  async killFileServer(name: string): Promise<void> {
    await this.fileServers[Number(name) - 1]?.process.kill()
    await waitUntil(`${name} is gone`, () => this.managers.every(({ registry }) => !isNamed(registry, name)))
  }

  /** Starts a file-server on its directory, or another one, unless it runs. */
  async startFileServer(name: string, directory?: string): Promise<void> {
    const member = this.fileServers[Number(name) - 1] ?? raise(`no ${name}`)
    if (!member.process.isRunning) {
      const into = directory ?? member.directory
      this.fileServers[Number(name) - 1] = { directory: into, process: this.#startProcess(name, into) }
    }
    await waitUntil(`${name} is back`, () => this.managers.every(({ registry }) => isNamed(registry, name)))
  }

  async startAllFileServers(): Promise<void> {
    for (const index of this.fileServers.keys()) await this.startFileServer(`${index + 1}`)
  }

  /** Records who is there, and then waits until those that are not are lost. */
  async waitForLoss(...names: string[]): Promise<void> {
    const directory = this.directoryOf(this.first)
    await waitUntil(`${names.join(', ')} lost`, async () => {
      await directory.record()
      const lost = (await directory.review(1e9)).filter(({ isLost }) => isLost).map(({ name }) => name)
      return names.every((name) => lost.includes(name))
    })
  }

  /** Records all file-servers that are there, as a manager does when it lets one in. */
  async noteFileServers(): Promise<void> {
    const { registry } = this.first
    const directory = this.directoryOf(this.first)
    for (const link of registry.links) await directory.noteJoining(link)
    await waitUntil('all are recorded', async () => {
      return (await directory.read()).filter(({ isLost }) => !isLost).length >= registry.links.length
    })
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
    return this.fileServers.flatMap(({ directory }) => filesIn(join(directory, 'tree')))
  }

  /** Leaves no record and no copy. */
  async clear(): Promise<void> {
    await this.startAllFileServers()
    await this.connection.collection('fileServers').deleteMany({})
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

/** @returns the paths of all files of a tree in which a file-server may remove an empty directory in the meantime */
function filesIn(directory: string): string[] {
  let entries: Dirent[] = []
  try {
    entries = readdirSync(directory, { withFileTypes: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return entries.flatMap((entry) => {
    const path = join(directory, entry.name)
    return entry.isDirectory() ? filesIn(path) : [path]
  })
}

function isNamed(registry: FileServerRegistry, name: string): boolean {
  return registry.links.some((link) => link.name === name)
}

function raise(message: string): never {
  throw new Error(message)
}
