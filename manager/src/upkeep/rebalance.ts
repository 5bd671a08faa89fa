import { toStoreError } from '@holdfast/shared/errors/store-error'
import type { ServerId } from '@holdfast/shared/ids'
import type { PlacedChunk } from '../chunks/chunk.ts'
import { canTake } from '../chunks/placement.ts'
import { chunksOf, type Holder } from '../files/file.model.ts'
import type { MoveWish } from '../files/holder-records.ts'
import { eachAtOnce } from './each-at-once.ts'
import { type MoveDeps, moveReplica } from './move-replica.ts'
import { countExcess, type PlannedMoves, planRebalance } from './plan-rebalance.ts'
import { RateMeter } from './replicate/rate-meter.ts'
import type { Throttle } from './throttle.ts'
import type { Loop } from './upkeep.ts'
import { keptApart } from './zones.ts'

const BATCH = 64
const AT_ONCE = 4
const PROGRESS_EVERY_MS = 5_000

export interface RebalanceSettings {
  readonly everyMs: number
  readonly threshold: number
}

export interface RebalanceDeps extends MoveDeps {
  readonly fileServers: { read(): Promise<readonly { readonly id: ServerId; readonly zone: string }[]> }
  readonly throttle: Throttle
}

/**
 * Makes the loop that fills new file-servers and relieves full ones, throttled, until they hold about the same number of
 * copies.
 */
export function rebalancer(deps: RebalanceDeps, settings: RebalanceSettings): Loop {
  const { registry, fileServers, log } = deps
  const meter = new RateMeter()
  /** These could take nothing that was planned for them. They leave the others their turn, and get theirs again after them. */
  const barren = new Set<ServerId>()
  let [doneCount, remaining] = [0, 0]
  let progress: { startedAt: number; saidAt: number; movedCount: number } | null = null

  const secondsLeft = (): number | null => {
    const perSecond = progress === null ? 0 : progress.movedCount / ((performance.now() - progress.startedAt) / 1000)
    return perSecond > 0 ? Math.ceil(remaining / perSecond) : null
  }

  const sayProgress = (): void => {
    const now = performance.now()
    if (progress === null || now - progress.saidAt < PROGRESS_EVERY_MS) return
    progress.saidAt = now
    log.info({ moved: progress.movedCount, remaining, etaSeconds: secondsLeft() }, 'rebalancing')
  }

  return {
    name: 'rebalance',
    everyMs: settings.everyMs,
    async run(signal) {
      // A file-server that has not counted yet would be judged by the records alone, so the loop waits until all have.
      if (registry.links.some((link) => !link.heartbeat.isInventoryDone)) return false
      const views = registry.views().map((view) => (barren.has(view.id) ? { ...view, isWritable: false } : view))
      const plan = planRebalance(views, { threshold: settings.threshold, batch: BATCH })
      if (plan.length === 0 && barren.size > 0) {
        barren.clear()
        return false
      }
      if (plan.length === 0) {
        if (progress !== null) {
          log.info(
            { moved: progress.movedCount, tookMs: Math.round(performance.now() - progress.startedAt) },
            'rebalanced',
          )
        }
        progress = null
        remaining = 0
        return false
      }
      const now = performance.now()
      if (progress === null) log.info({ remaining: countExcess(registry.views()) }, 'rebalancing starts')
      progress ??= { startedAt: now, saidAt: now, movedCount: 0 }
      // Replicas on file-servers that are away for a moment count for a chunk's spread like any others.
      const zones = new Map([...(await fileServers.read()), ...registry.views()].map(({ id, zone }) => [id, zone]))
      let movedCount = 0
      for (const moves of plan) {
        const ofThese = await carryOut(deps, moves, zones, meter, signal)
        if (ofThese === 0) barren.add(moves.to)
        movedCount += ofThese
      }
      progress.movedCount += movedCount
      doneCount += movedCount
      remaining = countExcess(registry.views())
      sayProgress()
      return movedCount > 0
    },
    progress: () => ({ done: doneCount, remaining, bytesPerSecond: meter.bytesPerSecond, secondsLeft: secondsLeft() }),
  }
}

async function carryOut(
  deps: RebalanceDeps,
  { from, to, count }: PlannedMoves,
  zones: ReadonlyMap<ServerId, string>,
  meter: RateMeter,
  signal: AbortSignal,
): Promise<number> {
  const targetNow = () => deps.registry.views().find(({ id }) => id === to)
  const wish = { from, apart: keptApart(zones, { from, to }), maxBytes: targetNow()?.roomBytes ?? 0 }
  const waiting = (await deps.holders.findMovable(wish, count))
    .flatMap((holder) => movesOf(holder, wish))
    .slice(0, count)
  let movedCount = 0
  await eachAtOnce(waiting, AT_ONCE, async (move) => {
    // Others have taken room meanwhile, and what finds none is to cost nothing.
    const target = targetNow()
    if (target === undefined || !canTake(target, { sizeBytes: move.place.chunk.size })) return
    await deps.throttle.take(move.place.chunk.size, signal)
    if (signal.aborted || !(await tryMove(deps, move, { from, to }, signal))) return
    movedCount++
    meter.add(move.place.chunk.size)
  })
  return movedCount
}

interface ChunkMove {
  readonly holder: Holder
  readonly place: PlacedChunk
}

function movesOf(holder: Holder, { from, apart, maxBytes }: MoveWish): ChunkMove[] {
  return chunksOf(holder)
    .filter(({ chunk: { size } }) => size <= maxBytes)
    .filter(({ chunk: { replicas } }) => replicas.some(({ server, bad }) => server === from && bad === undefined))
    .filter(({ chunk: { replicas } }) => !replicas.some(({ server }) => apart.includes(server)))
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
