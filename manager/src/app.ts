import { randomBytes } from 'node:crypto'
import type { Logger } from '@holdfast/shared/node/logger'
import type { Service } from '@holdfast/shared/node/run-service'
import { startStopping } from '@holdfast/shared/node/stop-stack'
import { BufferPool } from '@holdfast/shared/wire/buffer-pool'
import { UploadGate } from './api/file-exchange/upload-gate.ts'
import { readPageFiles } from './api/page/page-files.ts'
import { startSubsonic } from './api/subsonic/start-subsonic.ts'
import { isSubsonicPath, SUBSONIC_HEADER_BYTES } from './api/subsonic/subsonic.routes.ts'
import { startAudio } from './audio/start-audio.ts'
import type { Replica } from './chunks/chunk.ts'
import { isWireUpgrade, SocketServer } from './chunks/links/socket-server.ts'
import { DownloadMemory } from './chunks/reading/download-memory.ts'
import { HedgeBudget } from './chunks/reading/hedge-budget.ts'
import { FileServerRegistry } from './chunks/registry.ts'
import { chunkWriter } from './chunks/writing/chunk-writer.ts'
import { UploadMemory } from './chunks/writing/upload-memory.ts'
import type { ManagerSettings } from './config.ts'
import { BadReplicaReports } from './files/bad-replica-reports.ts'
import { findPartTags } from './files/find-part-tags.ts'
import { startFiles } from './files/start-files.ts'
import { Callers } from './http/callers.ts'
import { operatorGuard } from './http/operator.ts'
import { watchRequests } from './http/server/drain.ts'
import { createHttpServer, MAX_CONNECTIONS } from './http/server/http-server.ts'
import { startJobs } from './jobs/start-jobs.ts'
import { ManagerDirectory } from './mongo/manager-directory.ts'
import { startPeers } from './peers/start-peers.ts'
import { Pulls } from './pulls/pulls.ts'
import { makeRouters } from './routers.ts'
import { FileServerDirectory } from './upkeep/file-server-directory.ts'
import { startUpkeep } from './upkeep/start-upkeep.ts'
import type { Upkeep } from './upkeep/upkeep.ts'
import { listen } from './workers/listen.ts'
import { WorkerPlace } from './workers/worker-place.ts'
import { addressesOf, shareOf } from './workers/worker-settings.ts'

/** Each worker gets at least this much memory for uploads; with less it could not hold a chunk. */
const LEAST_SHARE_BYTES = 8 * 1024 ** 2

/**
 * The composition root is the one file that knows every slice of the manager. What it has started is stopped in reverse
 * order, also where a later start fails.
 * @param isWorker whether this is one of several workers behind the port, which listens on one of its own besides
 */
export async function startManager(
  settings: ManagerSettings,
  log: Logger,
  isWorker: boolean,
  signal: AbortSignal,
): Promise<Service> {
  const { host, mongoUrl, maxFileBytes, senderPatienceMs } = settings
  const addresses = addressesOf(settings, isWorker)
  const share = (bound: number): number => shareOf(bound, isWorker ? settings.workerCount : 1)

  return startStopping(async (stops) => {
    const page = await readPageFiles()
    if (page.index === null) log.warn('the page is not built: npm run build')
    const managerId = randomBytes(8).toString('hex')
    let place: WorkerPlace | null = null
    let upkeep: Upkeep | null = null

    const started = await startFiles(mongoUrl, { log, stops, signal })
    const { database, records, holders, openFiles, clusterId } = started
    const registry = new FileServerRegistry(settings.activeWithinMs, {
      onChange: () => place?.noteFileServers(),
      evenWithin: settings.rebalanceThreshold,
    })
    const writer = chunkWriter(registry)
    const fileServers = new FileServerDirectory({ database, registry, log }, settings)
    const reports = new BadReplicaReports({ holders, log, onMarked: () => upkeep?.wake('replicate') })
    stops.add(() => reports.close())
    const reading = {
      registry,
      buffers: new BufferPool(),
      hedges: new HedgeBudget(),
      onBadReplica: (replica: Replica, why: 'damaged' | 'missing') => reports.report(replica, why),
    }

    const jobs = await startJobs({ database, clusterId, log, stops }, settings)
    const audio = await startAudio({ ...started, reading, log, stops })
    const peers = await startPeers(
      { database, files: records, managerId, log, stops, hasOtherManagers: () => directory.urls.length !== 1 },
      settings,
    )
    const gate = new UploadGate({
      registry,
      isDatabaseAvailable: () => database.isAvailable,
      maxUploads: share(settings.maxUploads),
    })
    const files = {
      ...reading,
      ...{ jobs, records, openFiles, writer, gate, maxFileBytes, senderPatienceMs },
      uploadMemory: new UploadMemory(Math.max(share(settings.uploadMemoryBytes), LEAST_SHARE_BYTES)),
      replicas: { replicas: settings.replicas, least: settings.minReplicas },
      memory: new DownloadMemory(share(settings.downloadMemoryBytes)),
      inspection: audio.inspection,
      admit: () => gate.admit(),
    }
    const { torrents, torrentJobs } = peers.makeTorrents(files)
    const pulls = await Pulls.open({ database, clusterId, jobs, files, log }, settings)
    stops.add(() => pulls.close())

    const clientUrl = settings.clientUrl ?? settings.publicUrl
    const clientHosts = settings.clientUrl === null ? [] : [new URL(settings.clientUrl).hostname]
    const publicHosts = [...settings.publicHosts, ...clientHosts]
    const subsonic = await startSubsonic(
      { ...files, ...started, ...audio, ...{ log, stops }, ownUrl: () => own.origin },
      settings,
    )
    const asking = {
      requireOperator: operatorGuard({ ...settings, publicHosts }),
      callers: new Callers(settings.trustedProxies),
    }
    const shown = { ...files, ...asking, page, publicUrl: clientUrl }
    const routers = makeRouters({
      files: { ...shown, torrents, ownSeed: peers.ownSeed },
      share: { ...settings, ...files, page },
      audio: { ...shown, ...audio },
      peers: { ...peers, ...asking },
      cluster: {
        ...{ ...asking, database, registry, jobs, pulls, managers: () => directory.urls },
        forgetNeed: (jobId) => pulls.forget(jobId),
      },
      ...{ page, subsonic },
    })
    const httpServer = createHttpServer({
      ...{ routers, host, log, publicUrl: settings.publicUrl, publicHosts, keepAliveMs: settings.keepAliveMs },
      ...(subsonic.length > 0 && { isOpenToOtherSites: isSubsonicPath, maxHeaderBytes: SUBSONIC_HEADER_BYTES }),
      isOwnUpgrade: isWireUpgrade,
    })
    const drainRequests = watchRequests(httpServer)
    const own = await listen(httpServer, { host, port: addresses.ownPort })
    stops.add(() => httpServer.close())
    const ownUrl = addresses.ownUrl(own)
    peers.openUdp({ host, port: isWorker ? settings.port : Number(own.port) })
    if (settings.seedPort !== null) peers.ownSeed.open({ host, port: settings.seedPort, isShared: isWorker }, files)

    const directory = new ManagerDirectory(database, { managerId, url: addresses.advertisedUrl(own) }, () =>
      socketServer.announceManagers(),
    )
    stops.add(() => directory.close())
    const socketServer = new SocketServer({
      ...{ httpServer, registry, log },
      identity: { managerId, clusterId, secret: settings.clusterSecret },
      managers: () => directory.urls,
      countCopies: (id) => records.countOn(id),
      tagsOf: (copyId) => findPartTags(holders, copyId),
      onJoining: (link) => fileServers.noteJoining(link),
      onConnected: () => upkeep?.wake(),
      isShared: (connection) => isWorker && connection.localPort !== Number(own.port),
    })
    stops.add(() => socketServer.close())
    const audioCheck = audio.makeCheck(files, own.origin)
    const otherLoops = [audioCheck.loop(), torrentJobs.loop(), pulls.loop()]
    upkeep = await startUpkeep(
      { ...started, managerId, registry, writer, fileServers, otherLoops, log },
      settings,
      stops,
    )
    audioCheck.start()
    torrentJobs.start()
    pulls.start()
    await directory.start()
    // Requests are drained before the links close, for uploads under way still need them. Upkeep ends beside them, so that
    // it begins nothing new meanwhile.
    stops.add(() => Promise.all([drainRequests(), upkeep?.close()]))
    // Jobs under way are ended first, for a decoder reads from this manager, and nobody waits for what they do any longer.
    stops.add(() => {
      torrents.close()
      return jobs.close()
    })
    if (isWorker) {
      place = new WorkerPlace(
        { url: ownUrl, ownPort: Number(own.port) },
        {
          onConnection: (connection) => httpServer.emit('connection', connection),
          maxConnections: share(MAX_CONNECTIONS),
          countFileServers: () => registry.links.length,
          onSiblings: () => directory.lookAgain(),
        },
      )
      stops.add(() => place?.close())
      await place.inStep()
    }
    place?.serve()
    const worker = isWorker && { ownUrl, pid: process.pid }
    log.info({ url: addresses.publicOrigin(own), ...worker, managerId, clusterId }, 'manager started')
    return {}
  })
}
