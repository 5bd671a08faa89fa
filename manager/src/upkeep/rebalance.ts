import { setTimeout as delay } from 'node:timers/promises'
import { toStoreError } from '@holdfast/shared/errors/store-error'
import type { Logger } from '@holdfast/shared/node/logger'
import type { FileRecord } from '../files/file.model.ts'
import { type MoveParts, moveReplica } from './move-replica.ts'
import { countExcess, type PlannedMoves, planRebalance } from './plan-rebalance.ts'
import type { Worker } from './upkeep.ts'

const BATCH = 64
const AT_ONCE = 4
const PROGRESS_EVERY_MS = 5_000

export interface RebalanceSettings {
  readonly everyMs: number
  readonly threshold: number
  readonly bytesPerSecond: number
}

/** Fills new file-servers and relieves full ones, throttled, until they hold about the same number of files. */
export function rebalancer(parts: MoveParts & { log: Logger }, settings: RebalanceSettings): Worker {
  const { registry, log } = parts
  let progress: { startedAt: number; saidAt: number; movedCount: number } | null = null

  const sayProgress = (remainingCount: number): void => {
    const now = performance.now()
    if (progress === null || now - progress.saidAt < PROGRESS_EVERY_MS) return
    progress.saidAt = now
    const perSecond = progress.movedCount / ((now - progress.startedAt) / 1000)
    const etaSeconds = perSecond > 0 ? Math.ceil(remainingCount / perSecond) : null
    log.info({ moved: progress.movedCount, remaining: remainingCount, etaSeconds }, 'rebalancing')
  }

  return {
    name: 'rebalance',
    everyMs: settings.everyMs,
    async run(signal) {
      // A file-server that has not counted yet would be judged by the records alone: wait until all have.
      if (registry.links.some((link) => !link.heartbeat.isInventoryDone)) return false
      const plan = planRebalance(registry.views(), { threshold: settings.threshold, batch: BATCH })
      if (plan.length === 0) {
        if (progress !== null) {
          log.info(
            { moved: progress.movedCount, tookMs: Math.round(performance.now() - progress.startedAt) },
            'rebalanced',
          )
        }
        progress = null
        return false
      }
      const now = performance.now()
      if (progress === null) log.info({ remaining: countExcess(registry.views()) }, 'rebalancing starts')
      progress ??= { startedAt: now, saidAt: now, movedCount: 0 }
      let movedCount = 0
      for (const moves of plan) movedCount += await carryOut(parts, moves, settings.bytesPerSecond, signal)
      progress.movedCount += movedCount
      sayProgress(countExcess(registry.views()))
      return movedCount > 0
    },
  }
}

async function carryOut(
  parts: MoveParts & { log: Logger },
  { from, to, count }: PlannedMoves,
  bytesPerSecond: number,
  signal: AbortSignal,
): Promise<number> {
  const waiting = await parts.replicas.sampleOn(from, count)
  let movedCount = 0
  const work = async (): Promise<void> => {
    for (let record = waiting.pop(); record !== undefined && !signal.aborted; record = waiting.pop()) {
      if (await tryMove(parts, record, { from, to }, signal)) movedCount++
      // Read once, written once, read again: the share of one of the workers that run at once.
      await delay((record.size / bytesPerSecond) * 1000 * AT_ONCE, undefined, { signal }).catch(() => undefined)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return movedCount
}

async function tryMove(
  parts: MoveParts & { log: Logger },
  record: FileRecord,
  { from, to }: Pick<PlannedMoves, 'from' | 'to'>,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return await moveReplica(parts, record, from, to, signal)
  } catch (thrown) {
    const error = toStoreError(thrown)
    if (!signal.aborted)
      parts.log.warn({ fileId: record._id, from, to, error: error.name, err: error }, 'file not moved')
    return false
  }
}
