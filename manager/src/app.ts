import { randomBytes } from 'node:crypto'
import type { Logger } from '@holdfast/shared/node/logger'
import { requireLoopback } from '@holdfast/shared/node/loopback'
import type { Service } from '@holdfast/shared/node/run-service'
import { startStopping } from '@holdfast/shared/node/stop-stack'
import { audioRoutes } from './api/audio/audio.routes.ts'
import { activeNodesRoutes } from './api/cluster/active-nodes.routes.ts'
import { jobsRoutes } from './api/cluster/jobs.routes.ts'
import { pingRoutes } from './api/cluster/ping.routes.ts'
import { upkeepRoutes } from './api/cluster/upkeep.routes.ts'
import { fileRoutes } from './api/file/file.routes.ts'
import { UploadGate } from './api/file-exchange/upload-gate.ts'
import { pageRoutes } from './api/page/page.routes.ts'
import { readPageFiles } from './api/page/page-files.ts'
import { filesRoutes } from './api/share/files.routes.ts'
import { shareRoutes } from './api/share/share.routes.ts'
import { startSubsonic } from './api/subsonic/start-subsonic.ts'
import { isSubsonicPath, SUBSONIC_HEADER_BYTES } from './api/subsonic/subsonic.routes.ts'
import { fromTorrentRoutes } from './api/tracker/from-torrent.routes.ts'
import { napsterRoutes } from './api/tracker/napster.routes.ts'
import { statsRoutes } from './api/tracker/stats.routes.ts'
import { torrentRoutes } from './api/tracker/torrent.routes.ts'
import { torrentFilesRoutes } from './api/tracker/torrent-files.routes.ts'
import { AudioCheck } from './audio/decoding/check-audio.ts'
import { type DecodeWish, decodeAudio, ffmpegDecoder, wasmDecoder } from './audio/decoding/decode-audio.ts'
import { hasFfmpeg } from './audio/decoding/run-ffmpeg.ts'
import { audioInspector } from './audio/inspect-audio.ts'
import { MetadataReader } from './audio/metadata/metadata-reader.ts'
import { readerOfStored } from './audio/metadata/read-stored.ts'
import { TrackList } from './audio/track-list.ts'
import { BufferPool } from './chunks/buffer-pool.ts'
import type { PlacedChunk, Replica } from './chunks/chunk.ts'
import { isWireUpgrade, SocketServer } from './chunks/links/socket-server.ts'
import { DownloadMemory } from './chunks/reading/download-memory.ts'
import { HedgeBudget } from './chunks/reading/hedge-budget.ts'
import { FileServerRegistry } from './chunks/registry.ts'
import { chunkWriter } from './chunks/writing/chunk-writer.ts'
import { UploadMemory } from './chunks/writing/upload-memory.ts'
import { type ManagerSettings, requireReplicas } from './config.ts'
import { BadReplicaReports } from './files/bad-replica-reports.ts'
import type { FileRecord } from './files/file.model.ts'
import { findPartTags } from './files/find-part-tags.ts'
import { startFiles } from './files/start-files.ts'
import { Callers } from './http/callers.ts'
import { healthRoutes } from './http/health.routes.ts'
import { operatorGuard } from './http/operator.ts'
import { watchRequests } from './http/server/drain.ts'
import { createHttpServer, MAX_CONNECTIONS } from './http/server/http-server.ts'
import { MongoJobs } from './jobs/mongo-jobs.ts'
import { ManagerDirectory } from './mongo/manager-directory.ts'
import { startPeers } from './peers/start-peers.ts'
import { Pulls } from './pulls/pulls.ts'
import { FileServerDirectory } from './upkeep/file-server-directory.ts'
import { startUpkeep } from './upkeep/start-upkeep.ts'
import type { Upkeep } from './upkeep/upkeep.ts'
import { readUpkeepStatus } from './upkeep/upkeep-status.ts'
import { listen } from './workers/listen.ts'
import { WorkerPlace } from './workers/worker-place.ts'
import { addressesOf, shareOf } from './workers/worker-settings.ts'

/** Each worker gets at least this much memory for uploads; with less it could not hold a chunk. */
const LEAST_SHARE_BYTES = 8 * 1024 ** 2

export interface ManagerService extends Service {
  readonly url: string
}

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
): Promise<ManagerService> {
  const { host, mongoUrl, maxFileBytes, senderPatienceMs } = settings
  requireLoopback(host, settings.allowAnonymous)
  requireReplicas(settings)
  const addresses = addressesOf(settings, isWorker)
  const share = (bound: number): number => shareOf(bound, isWorker ? settings.workerCount : 1)

  return startStopping(async (stops) => {
    const page = await readPageFiles()
    if (page.index === null) log.warn('the page is not built: npm run build')
    const managerId = randomBytes(8).toString('hex')
    const started = await startFiles(mongoUrl, { log, stops, signal })
    const { database, model, records, holders, openFiles, clusterId } = started
    let place: WorkerPlace | null = null
    let upkeep: Upkeep | null = null
    let audioCheck: AudioCheck | null = null
    const registry = new FileServerRegistry(settings.activeWithinMs, {
      onChange: () => place?.noteFileServers(),
      evenWithin: settings.rebalanceThreshold,
    })
    const writer = chunkWriter(registry)
    const fileServers = new FileServerDirectory({ database, registry, log }, settings)
    const reports = new BadReplicaReports({ holders, log, onMarked: () => upkeep?.wake('replicate') })
    stops.add(() => reports.close())
    const metadata = new MetadataReader()
    stops.add(() => metadata.close())

    const peers = await startPeers(
      { database, files: records, managerId, log, stops, hasOtherManagers: () => directory.urls.length !== 1 },
      settings,
    )
    const clientUrl = settings.clientUrl ?? settings.publicUrl
    const clientHosts = settings.clientUrl === null ? [] : [new URL(settings.clientUrl).hostname]
    const publicHosts = [...settings.publicHosts, ...clientHosts]
    const requireOperator = operatorGuard({ ...settings, publicHosts })
    const asking = { requireOperator, callers: new Callers(settings.trustedProxies) }

    const findObstacles = (): string[] => [
      ...(database.isAvailable ? [] : ['the database']),
      ...(registry.links.some((link) => registry.isActive(link)) ? [] : ['a file-server']),
    ]
    // Its schemas take some 20 MiB, which a manager spares until somebody asks.
    const readDocument = async () => (await import('./openapi-document.ts')).openApiDocument
    const jobs =
      settings.redisUrl === null
        ? await MongoJobs.open(database, log)
        : // BullMQ takes some 25 MiB, which a manager without Redis spares.
          new (await import('./jobs/redis-jobs.ts')).RedisJobs(settings.redisUrl, clusterId, log)
    stops.add(() => jobs.close())
    const reading = {
      registry,
      buffers: new BufferPool(),
      hedges: new HedgeBudget(),
      onBadReplica: (_place: PlacedChunk, replica: Replica, why: 'damaged' | 'missing') => reports.report(replica, why),
    }
    const deps = {
      ...reading,
      ...{ jobs, records, openFiles, writer, maxFileBytes, senderPatienceMs },
      gate: new UploadGate({
        registry,
        isDatabaseAvailable: () => database.isAvailable,
        maxUploads: share(settings.maxUploads),
      }),
      uploadMemory: new UploadMemory(Math.max(share(settings.uploadMemoryBytes), LEAST_SHARE_BYTES)),
      replicas: { replicas: settings.replicas, least: settings.minReplicas },
      memory: new DownloadMemory(share(settings.downloadMemoryBytes)),
      inspection: {
        ...{ inspector: audioInspector(metadata, log), reading, log },
        onVisible: (record: FileRecord) => audioCheck?.onVisible(record),
      },
      requireOperator,
      managers: () => directory.urls,
      page,
      ownSeed: peers.ownSeed,
    }
    const { torrents, torrentJobs } = peers.makeTorrents(deps)
    const files = { ...deps, admit: () => deps.gate.admit() }
    const pulls = await Pulls.open({ database, clusterId, jobs, files, log }, settings)
    stops.add(() => pulls.close())
    const tracks = new TrackList(model)
    const canDecode = await hasFfmpeg()
    const subsonic = await startSubsonic(
      { ...deps, ...{ model, tracks, metadata, canDecode, log, stops }, ownUrl: () => own.origin },
      settings,
    )
    const httpServer = createHttpServer({
      routers: [
        // The first ones cost the least, and nothing is asked for as often as announces.
        torrentRoutes({ ...peers, ...asking }),
        fileRoutes({ ...deps, torrents, publicUrl: clientUrl }),
        shareRoutes({ ...settings, ...deps }),
        // Before those, for it is no file's id.
        fromTorrentRoutes({ pulls, ...asking }),
        filesRoutes(deps),
        audioRoutes({ ...deps, metadata, tracks, publicUrl: clientUrl }),
        activeNodesRoutes(registry),
        pingRoutes(deps),
        napsterRoutes({ ...peers, ...asking }),
        statsRoutes({ ...peers, requireOperator }),
        torrentFilesRoutes({ ...deps, torrents, publicUrl: clientUrl }),
        upkeepRoutes(() => readUpkeepStatus(database)),
        pageRoutes(page),
        jobsRoutes({ ...deps, forgetNeed: (id) => pulls.forget(id) }),
        ...subsonic,
        healthRoutes(findObstacles, readDocument),
      ],
      ...{ host, log, publicUrl: settings.publicUrl, publicHosts, keepAliveMs: settings.keepAliveMs },
      ...(subsonic.length > 0 && { isOpenToOtherSites: isSubsonicPath, maxHeaderBytes: SUBSONIC_HEADER_BYTES }),
      isOwnUpgrade: isWireUpgrade,
    })
    const drainRequests = watchRequests(httpServer)
    const own = await listen(httpServer, { host, port: addresses.ownPort })
    stops.add(() => httpServer.close())
    const ownUrl = addresses.ownUrl(own)
    peers.openUdp({ host, port: isWorker ? settings.port : Number(own.port) })
    if (settings.seedPort !== null) peers.ownSeed.open({ host, port: settings.seedPort, isShared: isWorker }, deps)

    const directory = new ManagerDirectory(database, { managerId, url: addresses.advertisedUrl(own) }, () =>
      socketServer.announceManagers(),
    )
    stops.add(() => directory.close())
    const socketServer = new SocketServer({
      ...{ httpServer, registry, log },
      identity: { managerId, clusterId, secret: settings.clusterSecret },
      managers: () => directory.urls,
      countFiles: (id) => records.countOn(id),
      tagsOf: (copyId) => findPartTags(holders, copyId),
      onJoining: (link) => fileServers.noteJoining(link),
      onConnected: () => upkeep?.wake(),
      isShared: (connection) => isWorker && connection.localPort !== Number(own.port),
    })
    stops.add(() => socketServer.close())
    const decoder = canDecode ? ffmpegDecoder : wasmDecoder()
    if (!canDecode) log.info('audio is decoded without ffmpeg, which would notice more of what is wrong with it')
    const decode = (wish: DecodeWish, signal: AbortSignal) => decodeAudio(decoder, wish, signal)
    const checking = { decode, readMetadata: readerOfStored({ ...deps, metadata, log }) }
    audioCheck = new AudioCheck({ model, jobs, log, ownUrl: own.origin, ...checking })
    const otherLoops = [audioCheck.loop(), torrentJobs.loop(), pulls.loop()]
    upkeep = await startUpkeep(
      { ...started, managerId, registry, writer, fileServers, otherLoops, log },
      settings,
      stops,
    )
    audioCheck.start()
    torrentJobs.start()
    pulls.start()
    if (canDecode) audioCheck.retryUndecoded().catch((err: unknown) => log.warn({ err }, 'undecoded audio stays so'))
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
    const url = addresses.publicOrigin(own)
    log.info({ url, ...(isWorker && { ownUrl, pid: process.pid }), managerId, clusterId }, 'manager started')
    return { url }
  })
}
