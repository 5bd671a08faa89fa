import type { Logger } from '@holdfast/shared/node/logger'
import type { StopStack } from '@holdfast/shared/node/stop-stack'
import type { FileServerRegistry } from '../chunks/registry.ts'
import type { ChunkWriter } from '../chunks/writing/chunk-writer.ts'
import type { FileRecords } from '../files/file-records.ts'
import type { HolderRecords } from '../files/holder-records.ts'
import type { Database } from '../mongo/database.ts'
import { garbageCollector } from './collect-garbage.ts'
import { Lease } from './lease.ts'
import { rebalancer } from './rebalance.ts'
import { reconciler } from './reconcile.ts'
import { Upkeep } from './upkeep.ts'

export interface UpkeepDeps {
  readonly database: Database
  readonly managerId: string
  readonly registry: FileServerRegistry
  readonly records: FileRecords
  readonly holders: HolderRecords
  readonly writer: ChunkWriter
  readonly log: Logger
}

export interface UpkeepSettings {
  readonly upkeepEveryMs: number
  readonly rebalanceThreshold: number
  readonly rebalanceBytesPerSecond: number
  readonly reconcileEveryMs: number
  readonly orphanGraceMs: number
  readonly reconcileMaxShare: number
}

/** Starts the loops, which run while this manager holds the lease. */
export async function startUpkeep(deps: UpkeepDeps, settings: UpkeepSettings, stops: StopStack): Promise<Upkeep> {
  const { upkeepEveryMs: everyMs } = settings
  const lease = new Lease(deps.database, deps.managerId)
  stops.add(() => lease.close())
  await lease.start()
  const loops = [
    garbageCollector(deps, everyMs),
    rebalancer(deps, {
      everyMs,
      threshold: settings.rebalanceThreshold,
      bytesPerSecond: settings.rebalanceBytesPerSecond,
    }),
    reconciler(deps, {
      everyMs: settings.reconcileEveryMs,
      graceMs: settings.orphanGraceMs,
      maxSharePercent: settings.reconcileMaxShare,
    }),
  ]
  const upkeep = new Upkeep(lease, loops, deps.log)
  stops.add(() => upkeep.close())
  return upkeep
}
