import { setTimeout as delay } from 'node:timers/promises'
import { toStoreError } from '@holdfast/shared/errors/store-error'
import type { ServerId } from '@holdfast/shared/ids'
import type { PlacedChunk } from '../chunks/chunk.ts'
import { chunksOf, type Holder } from '../files/file.model.ts'
import { type MoveDeps, moveReplica } from './move-replica.ts'
import { countExcess, type PlannedMoves, planRebalance } from './plan-rebalance.ts'
import type { Loop } from './upkeep.ts'

const BATCH = 64
const AT_ONCE = 4
const PROGRESS_EVERY_MS = 5_000

export interface RebalanceSettings {
  readonly everyMs: number
  readonly threshold: number
  readonly bytesPerSecond: number
}

/**
 * Makes the loop that fills new file-servers and relieves full ones, throttled, until they hold about the same number of
 * files.
 */
export function rebalancer(deps: MoveDeps, settings: RebalanceSettings): Loop {
  const { registry, log } = deps
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
      // A file-server that has not counted yet would be judged by the records alone, so the loop waits until all have.
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
      for (const moves of plan) movedCount += await carryOut(deps, moves, settings.bytesPerSecond, signal)
      progress.movedCount += movedCount
      sayProgress(countExcess(registry.views()))
      return movedCount > 0
    },
  }
}

async function carryOut(
  deps: MoveDeps,
  { from, to, count }: PlannedMoves,
  bytesPerSecond: number,
  signal: AbortSignal,
): Promise<number> {
  const waiting = (await deps.holders.findMovable({ from, to }, count))
    .flatMap((holder) => movesOf(holder, { from, to }))
    .slice(0, count)
  let movedCount = 0
  const work = async (): Promise<void> => {
    for (let move = waiting.pop(); move !== undefined && !signal.aborted; move = waiting.pop()) {
      if (await tryMove(deps, move, { from, to }, signal)) movedCount++
      // Each of those that run at once keeps to its share of the rate.
      const restMs = (move.place.chunk.size / bytesPerSecond) * 1000 * AT_ONCE
      await delay(restMs, undefined, { signal }).catch(() => undefined)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return movedCount
}

interface ChunkMove {
  readonly holder: Holder
  readonly place: PlacedChunk
}

function movesOf(holder: Holder, { from, to }: Pick<PlannedMoves, 'from' | 'to'>): ChunkMove[] {
  const isOn = (place: PlacedChunk, id: ServerId): boolean => place.chunk.replicas.some(({ server }) => server === id)
  return chunksOf(holder)
    .filter((place) => isOn(place, from) && !isOn(place, to))
    .map((place) => ({ holder, place }))
}

async function tryMove(
  deps: MoveDeps,
  { holder, place }: ChunkMove,
  { from, to }: Pick<PlannedMoves, 'from' | 'to'>,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return await moveReplica(deps, holder, place, { from, to }, signal)
  } catch (thrown) {
    const error = toStoreError(thrown)
    const chunk = { fileId: holder._id, chunk: place.number, from, to }
    if (!signal.aborted) deps.log.warn({ ...chunk, error: error.name, err: error }, 'chunk not moved')
    return false
  }
}
