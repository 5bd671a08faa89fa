import { ChaosProxy } from '../chaos-proxy.ts'
import { FaultCluster, type FaultClusterOptions } from './fault-cluster.ts'

/** Nobody listens at this address. */
const NOWHERE = 'http://127.0.0.1:9'

/** Each file-server of this cluster reaches the manager only through a bad network of its own. */
export class ProxiedCluster implements AsyncDisposable {
  readonly faults: FaultCluster
  /** The proxies stand in the order of the file-servers. */
  readonly proxies: ChaosProxy[] = []

  private constructor(faults: FaultCluster) {
    this.faults = faults
  }

  /** @param prepare is called with each proxy before its file-server dials it. */
  static async start(
    { fileServers = 2, ...options }: FaultClusterOptions,
    prepare: (proxy: ChaosProxy, index: number) => void = () => undefined,
  ): Promise<ProxiedCluster> {
    const managerEnvironment = { MANAGER_URL: NOWHERE, ...options.managerEnvironment }
    const faults = await FaultCluster.start({ ...options, managerEnvironment, managers: 1, fileServers: 0 })
    const proxied = new ProxiedCluster(faults)
    try {
      for (let index = 0; index < fileServers; index++) await proxied.addFileServer(prepare)
      await faults.cluster.settled()
      return proxied
    } catch (error) {
      await proxied[Symbol.asyncDispose]()
      throw error
    }
  }

  async addFileServer(prepare: (proxy: ChaosProxy, index: number) => void = () => undefined): Promise<ChaosProxy> {
    const proxy = await ChaosProxy.start(this.faults.cluster.url)
    this.proxies.push(proxy)
    prepare(proxy, this.proxies.length - 1)
    this.faults.cluster.addFileServer({ MANAGERS: proxy.url })
    return proxy
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.faults[Symbol.asyncDispose]()
    for (const proxy of this.proxies) await proxy[Symbol.asyncDispose]()
  }
}
