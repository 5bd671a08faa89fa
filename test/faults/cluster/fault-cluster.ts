import { download } from '../../cluster/http.ts'
import { TestCluster, type TestClusterOptions } from '../../cluster/test-cluster.ts'
import { waitUntil } from '../../cluster/wait-until.ts'
import type { ClusterView } from '../check/check-cluster.ts'
import { endDeadLease } from './dead-lease.ts'
import { OwnMongod } from './own-mongod.ts'

/**
 * Orphans go within seconds, yet the grace is longer than an upload of the load takes while everything runs. So many
 * crashes in so little time leave a share of orphans that would be unlikely elsewhere. File-servers that differ by
 * little are evened out, so that transfers are under way all the time.
 */
const hastyUpkeep = {
  ORPHAN_GRACE_MS: '2000',
  RECONCILE_EVERY_MS: '500',
  UPKEEP_EVERY_MS: '300',
  RECONCILE_MAX_SHARE_PERCENT: '100',
  REBALANCE_THRESHOLD: '4',
}

export type FaultClusterOptions = Omit<TestClusterOptions, 'mongoUrl'> & {
  /** Nothing is done to this MongoDB. Without an address the cluster has a MongoDB of its own. */
  readonly mongoUrl?: string
}

/** The processes of this cluster are killed and frozen, MongoDB among them where it is the cluster's own. */
export class FaultCluster implements AsyncDisposable {
  readonly cluster: TestCluster
  readonly #ownMongod: OwnMongod | null

  private constructor(cluster: TestCluster, ownMongod: OwnMongod | null) {
    this.cluster = cluster
    this.#ownMongod = ownMongod
  }

  static async start({ mongoUrl, ...options }: FaultClusterOptions = {}): Promise<FaultCluster> {
    const ownMongod = mongoUrl === undefined ? await OwnMongod.start() : null
    try {
      const cluster = await TestCluster.start({
        fileServers: 4,
        managers: 2,
        // Only some file-servers allow local reads, so that large files come from the disk as well as over the wire.
        environmentOf: (number) => ({ LOCAL_READS: String(number % 2 === 0) }),
        ...options,
        mongoUrl: mongoUrl ?? ownMongod?.url ?? '',
        managerEnvironment: { ...hastyUpkeep, ...options.managerEnvironment },
      })
      return new FaultCluster(cluster, ownMongod)
    } catch (error) {
      await ownMongod?.[Symbol.asyncDispose]()
      throw error
    }
  }

  get urls(): readonly string[] {
    return this.cluster.managers.map((manager) => manager.url)
  }

  get view(): ClusterView {
    const { mongoUrl, fileServers, directory } = this.cluster
    return { urls: this.urls, mongoUrl, directories: fileServers.map((member) => member.directory), parent: directory }
  }

  get mongod(): OwnMongod {
    if (this.#ownMongod === null) throw new Error('this cluster has no MongoDB of its own')
    return this.#ownMongod
  }

  async killFileServer(index: number): Promise<void> {
    await this.cluster.fileServers[index]?.process.kill()
    await this.cluster.restartFileServer(index)
  }

  async killManager(index: number): Promise<void> {
    await this.cluster.managers[index]?.process.kill()
    await this.cluster.restartManager(index)
  }

  /** Kills everything at one moment, as when the machine's plug is pulled but the page cache stays. */
  async killAll(): Promise<void> {
    const { managers, fileServers } = this.cluster
    const kills = [...managers, ...fileServers].map((member) => member.process.kill())
    await Promise.all([...kills, this.mongod.kill()])
    await Promise.all([this.mongod.restart(), ...fileServers.map((_, index) => this.cluster.restartFileServer(index))])
    await Promise.all(managers.map((_, index) => this.cluster.restartManager(index)))
  }

  /** Waits until every process runs, is connected and has counted, and every manager reaches its database. */
  async heal(): Promise<void> {
    const { managers, fileServers } = this.cluster
    for (const { process } of [...managers, ...fileServers]) process.signal('SIGCONT')
    this.#ownMongod?.signal('SIGCONT')
    for (const [index, member] of fileServers.entries())
      if (!member.process.isRunning) await this.cluster.restartFileServer(index)
    for (const [index, member] of managers.entries())
      if (!member.process.isRunning) await this.cluster.restartManager(index)
    await this.cluster.settled()
    for (const url of this.urls)
      await waitUntil('a record is looked up', async () => {
        const { status } = await download(url, 'a name that nobody uses')
        return status === 404 || status
      })
    await this.endDeadLease()
  }

  /** Lets upkeep go on as soon as a living manager asks for the lease. */
  async endDeadLease(): Promise<void> {
    const running = this.cluster.managers.filter((manager) => manager.process.isRunning)
    const started = running.map(({ process }) => process.lines.find((line) => line.message === 'manager started'))
    const ids = started.flatMap((line) => (line === undefined ? [] : [String(line.managerId)]))
    // Where the log no longer has the line of a talkative manager, the lease may be its own and stays.
    if (ids.length === running.length) await endDeadLease(this.cluster.mongoUrl, ids)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]()
    await this.#ownMongod?.[Symbol.asyncDispose]()
  }
}
