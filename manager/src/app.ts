import { randomBytes } from 'node:crypto'
import type { Logger } from '@holdfast/shared/node/logger'
import { requireLoopback } from '@holdfast/shared/node/loopback'
import type { Service } from '@holdfast/shared/node/run-service'
import type { ManagerSettings } from './config.ts'
import { DownloadMemory } from './files/download-memory.ts'
import { prepareFileModel } from './files/file.model.ts'
import { FileRecords } from './files/file-records.ts'
import { filesRoutes } from './files/files.routes.ts'
import { PartRooms } from './files/part-rooms.ts'
import { ReplicaRecords } from './files/replica-records.ts'
import { watchRequests } from './http/drain.ts'
import { healthRoutes } from './http/health.routes.ts'
import { createHttpServer, MAX_CONNECTIONS } from './http/http-server.ts'
import { openApiDocument } from './http/openapi.ts'
import { readClusterId } from './mongo/cluster-identity.ts'
import { connectDatabase } from './mongo/database.ts'
import { ManagerDirectory } from './mongo/manager-directory.ts'
import { activeNodesRoutes } from './storage/active-nodes.routes.ts'
import { FileServerRegistry } from './storage/registry.ts'
import { isWireUpgrade, SocketServer } from './storage/socket-server.ts'
import { garbageCollector } from './upkeep/collect-garbage.ts'
import { Lease } from './upkeep/lease.ts'
import { rebalancer } from './upkeep/rebalance.ts'
import { reconciler } from './upkeep/reconcile.ts'
import { Upkeep } from './upkeep/upkeep.ts'
import { isEveryAddress, listen } from './workers/listen.ts'
import { WorkerPlace } from './workers/worker-place.ts'
import { shareOf, workerHostOf } from './workers/worker-settings.ts'

export interface ManagerService extends Service {
  readonly url: string
}

/**
 * The composition root: the one file that knows every slice of the manager.
 * @param isWorker one of several behind the port, which listens on another one of its own besides
 */
export async function startManager(
  settings: ManagerSettings,
  log: Logger,
  isWorker: boolean,
  signal: AbortSignal,
): Promise<ManagerService> {
  const { host, port, mongoUrl, clusterSecret, upkeepEveryMs } = settings
  requireLoopback(host, settings.allowAnonymous)
  const workerHost = isWorker ? workerHostOf(settings) : null
  const workerCount = isWorker ? settings.workerCount : 1

  const database = await connectDatabase(mongoUrl, log, signal)
  const model = await prepareFileModel(database.connection)
  const clusterId = await readClusterId(database)
  const managerId = randomBytes(8).toString('hex')
  let place: WorkerPlace | null = null
  const registry = new FileServerRegistry(settings.activeWithinMs, {
    onChange: () => place?.noteFileServers(),
    evenWithin: settings.rebalanceThreshold,
  })
  const records = new FileRecords(model)
  const replicas = new ReplicaRecords(model)

  const findObstacles = (): string[] => [
    ...(database.isAvailable ? [] : ['the database']),
    ...(registry.links.some((link) => registry.isActive(link)) ? [] : ['a file-server']),
  ]
  const isDatabaseAvailable = (): boolean => database.isAvailable
  const { maxFileBytes, senderPatienceMs, publicUrl } = settings
  const maxUploads = shareOf(settings.maxUploads, workerCount)
  const memory = new DownloadMemory(shareOf(settings.downloadMemoryBytes, workerCount))
  const httpServer = createHttpServer({
    routers: [
      filesRoutes({
        registry,
        records,
        isDatabaseAvailable,
        memory,
        rooms: new PartRooms(),
        maxFileBytes,
        senderPatienceMs,
        maxUploads,
      }),
      activeNodesRoutes(registry),
      healthRoutes(findObstacles, openApiDocument),
    ],
    host,
    publicUrl,
    keepAliveMs: settings.keepAliveMs,
    isOwnUpgrade: isWireUpgrade,
    log,
  })
  const drainRequests = watchRequests(httpServer)
  const own = await listen(httpServer, { host, port: isWorker ? settings.workerPort : port })
  const ownUrl = workerHost === null ? own.origin : `http://${workerHost}:${own.port}`

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
    { managerId, url: isWorker ? ownUrl : (publicUrl ?? (isEveryAddress(host) ? null : ownUrl)) },
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
    isShared: (connection) => isWorker && connection.localPort !== Number(own.port),
  })
  await directory.start()
  await lease.start()
  if (isWorker) {
    place = new WorkerPlace(
      { url: ownUrl, ownPort: Number(own.port) },
      {
        onConnection: (connection) => httpServer.emit('connection', connection),
        maxConnections: shareOf(MAX_CONNECTIONS, workerCount),
        countFileServers: () => registry.links.length,
        onSiblings: () => directory.lookAgain(),
      },
    )
    await place.inStep()
  }
  place?.serve()
  const url = Object.assign(new URL(own), isWorker && { port }).origin
  log.info({ url, ...(isWorker && { ownUrl, pid: process.pid }), managerId, clusterId }, 'manager started')

  return {
    url,
    async close() {
      place?.close()
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
