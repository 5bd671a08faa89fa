import { randomBytes } from 'node:crypto'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from '@holdfast/shared/node/logger'
import { requireLoopback } from '@holdfast/shared/node/loopback'
import { type Service, StartError } from '@holdfast/shared/node/run-service'
import type { ManagerSettings } from './config.ts'
import { DownloadMemory } from './files/download-memory.ts'
import { prepareFileModel } from './files/file.model.ts'
import { FileRecords } from './files/file-records.ts'
import { filesRoutes } from './files/files.routes.ts'
import { ReplicaRecords } from './files/replica-records.ts'
import { watchRequests } from './http/drain.ts'
import { healthRoutes } from './http/health.routes.ts'
import { createHttpServer } from './http/http-server.ts'
import { openApiDocument } from './http/openapi.ts'
import { readClusterId } from './mongo/cluster-identity.ts'
import { connectDatabase } from './mongo/database.ts'
import { ManagerDirectory } from './mongo/manager-directory.ts'
import { activeNodesRoutes } from './storage/active-nodes.routes.ts'
import { FileServerRegistry } from './storage/registry.ts'
import { SocketServer } from './storage/socket-server.ts'
import { garbageCollector } from './upkeep/collect-garbage.ts'
import { Lease } from './upkeep/lease.ts'
import { rebalancer } from './upkeep/rebalance.ts'
import { reconciler } from './upkeep/reconcile.ts'
import { Upkeep } from './upkeep/upkeep.ts'

export interface ManagerService extends Service {
  readonly url: string
}

/** The composition root: the one file that knows every slice of the manager. */
export async function startManager(settings: ManagerSettings, log: Logger): Promise<ManagerService> {
  const { host, port, mongoUrl, clusterSecret, upkeepEveryMs } = settings
  requireLoopback(host, settings.allowAnonymous)

  const database = await connectDatabase(mongoUrl, log)
  const model = await prepareFileModel(database.connection)
  const clusterId = await readClusterId(database)
  const managerId = randomBytes(8).toString('hex')
  const registry = new FileServerRegistry(settings.activeWithinMs)
  const records = new FileRecords(model)
  const replicas = new ReplicaRecords(model)

  const findObstacles = (): string[] => [
    ...(database.isAvailable ? [] : ['the database']),
    ...(registry.links.some((link) => registry.isActive(link)) ? [] : ['a file-server']),
  ]
  const isDatabaseAvailable = (): boolean => database.isAvailable
  const { maxFileBytes, maxUploads, publicUrl } = settings
  const memory = new DownloadMemory(settings.downloadMemoryBytes)
  const httpServer = createHttpServer({
    routers: [
      filesRoutes({ registry, records, isDatabaseAvailable, memory, maxFileBytes, maxUploads }),
      activeNodesRoutes(registry),
      healthRoutes(findObstacles, openApiDocument),
    ],
    host,
    publicUrl,
    log,
  })
  const drainRequests = watchRequests(httpServer)
  const url = await listen(httpServer, host, port)

  const lease = new Lease(database, managerId)
  const upkeep = new Upkeep(
    lease,
    [
      garbageCollector({ registry, records, replicas, log }, upkeepEveryMs),
      rebalancer(
        { registry, records, replicas, log },
        {
          everyMs: upkeepEveryMs,
          threshold: settings.rebalanceThreshold,
          bytesPerSecond: settings.rebalanceBytesPerSecond,
        },
      ),
      reconciler(
        { registry, replicas, log },
        {
          everyMs: settings.reconcileEveryMs,
          graceMs: settings.orphanGraceMs,
          maxSharePercent: settings.reconcileMaxShare,
        },
      ),
    ],
    log,
  )
  const directory = new ManagerDirectory(
    database,
    { managerId, url: publicUrl ?? (isEveryAddress(host) ? null : url) },
    () => socketServer.announceManagers(),
  )
  const socketServer = new SocketServer({
    httpServer,
    registry,
    identity: { managerId, clusterId, secret: clusterSecret },
    log,
    managers: () => directory.urls,
    countFiles: (id) => records.countOn(id),
    onConnected: () => upkeep.wake(),
  })
  await directory.start()
  await lease.start()
  log.info({ url, managerId, clusterId }, 'manager started')

  return {
    url,
    async close() {
      const drained = drainRequests()
      await upkeep.close()
      await drained
      await socketServer.close()
      await lease.close()
      await directory.close()
      await database.close()
    },
  }
}

/** An address to listen on that is none to dial. */
function isEveryAddress(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

async function listen(server: Server, host: string, port: number): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE' ? new StartError(`Port ${port} on ${host} is taken by another process.`) : error,
      )
    })
    server.listen(port, host, resolve)
  })
  const { address, port: actualPort, family } = server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${actualPort}`
}
