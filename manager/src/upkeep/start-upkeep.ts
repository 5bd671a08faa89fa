import type { Logger } from '@holdfast/shared/node/logger'
import type { StopStack } from '@holdfast/shared/node/stop-stack'
import { BufferPool } from '@holdfast/shared/wire/buffer-pool'
import type { FileServerRegistry } from '../chunks/registry.ts'
import type { ChunkWriter } from '../chunks/writing/chunk-writer.ts'
import { DirectTransfers } from '../chunks/writing/direct-transfers.ts'
import type { FileRecords } from '../files/file-records.ts'
import type { HolderRecords } from '../files/holder-records.ts'
import type { Database } from '../mongo/database.ts'
import { garbageCollector } from './collect-garbage.ts'
import { expirer } from './end-expired.ts'
import type { FileServerDirectory } from './file-server-directory.ts'
import { Lease } from './lease.ts'
import { rebalancer } from './rebalance.ts'
import { reconciler } from './reconcile/reconcile.ts'
import { ChunkCounts } from './replicate/chunk-counts.ts'
import { replicator } from './replicate/replicate.ts'
import { Throttle } from './throttle.ts'
import { type Loop, Upkeep } from './upkeep.ts'
import { UpkeepReporter } from './upkeep-status.ts'

export interface UpkeepDeps {
  readonly database: Database
  readonly managerId: string
  readonly registry: FileServerRegistry
  readonly records: FileRecords
  readonly holders: HolderRecords
  readonly writer: ChunkWriter
  readonly fileServers: FileServerDirectory
  /** These loops of other folders run beside those of this one. */
  readonly otherLoops: readonly Loop[]
  readonly log: Logger
}

export interface UpkeepSettings {
  readonly clusterSecret: string
  readonly replicas: number
  readonly upkeepEveryMs: number
  readonly upkeepBytesPerSecond: number
  readonly rebalanceThreshold: number
  readonly reconcileEveryMs: number
  readonly orphanGraceMs: number
  readonly reconcileMaxShare: number
}

/** Starts the loops, which run while this manager holds the lease. Every manager records which file-servers it hears from. */
export async function startUpkeep(deps: UpkeepDeps, settings: UpkeepSettings, stops: StopStack): Promise<Upkeep> {
  const { upkeepEveryMs: everyMs, replicas } = settings
  const { database, managerId, holders, fileServers, log } = deps
  const lease = new Lease(database, managerId)
  stops.add(() => lease.close())
  await lease.start()
  stops.add(() => fileServers.close())
  fileServers.start()
  const throttle = new Throttle(settings.upkeepBytesPerSecond)
  const counts = new ChunkCounts({ holders, fileServers }, replicas)
  const direct = new DirectTransfers(settings.clusterSecret, log)
  const shared = { ...deps, direct, buffers: new BufferPool(), throttle, lease, counts }
  const reconcile = reconciler(
    {
      ...shared,
      noteMissingShare: (id, share) => fileServers.noteMissingShare(id, share),
      onMarked: () => upkeep.wake('replicate'),
    },
    {
      everyMs: settings.reconcileEveryMs,
      graceMs: settings.orphanGraceMs,
      maxSharePercent: settings.reconcileMaxShare,
    },
  )
  const loops = [
    garbageCollector(deps, everyMs),
    expirer(deps, everyMs),
    replicator(shared, { everyMs, replicas }),
    rebalancer(shared, { everyMs, threshold: settings.rebalanceThreshold }),
    reconcile,
    counts.loop(everyMs),
    ...deps.otherLoops,
  ]
  const upkeep = new Upkeep(lease, loops, log)
  const reporter = new UpkeepReporter({
    ...{ database, managerId, lease, fileServers, log },
    loops: () => upkeep.statuses(),
    chunks: () => counts.counts,
    haltedOrphans: reconcile.halted,
  })
  stops.add(() => reporter.close())
  stops.add(() => upkeep.close())
  return upkeep
}
