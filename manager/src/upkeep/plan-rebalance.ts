import type { ServerId } from '@holdfast/shared/ids'
import { PART_BYTES } from '@holdfast/shared/limits'
import { canTake, type ServerView } from '../chunks/placement.ts'

export interface PlannedMoves {
  readonly from: ServerId
  readonly to: ServerId
  readonly count: number
}

export interface RebalanceLimits {
  /** File-servers may differ by this many copies. Once they differ by more they are brought to half of it. */
  readonly threshold: number
  /** At most so many moves are planned at once. */
  readonly batch: number
}

/**
 * Plans moves that bring active file-servers nearer to each other, from the fullest to the emptiest. Only writable ones with
 * room for a part take copies, but a full one gives.
 */
export function planRebalance(servers: readonly ServerView[], limits: RebalanceLimits): PlannedMoves[] {
  const counts = new Map(servers.filter((server) => server.isActive).map((server) => [server.id, server.copyCount]))
  const takers = servers.filter((server) => canTake(server, { sizeBytes: PART_BYTES })).map((server) => server.id)
  if (widestGap(counts, takers).size <= limits.threshold) return []
  const moves = new Map<string, { from: ServerId; to: ServerId; count: number }>()
  for (let planned = 0; planned < limits.batch; planned++) {
    const { from, to, size } = widestGap(counts, takers)
    if (from === null || to === null || size <= Math.max(1, Math.floor(limits.threshold / 2))) break
    counts.set(from, (counts.get(from) ?? 0) - 1)
    counts.set(to, (counts.get(to) ?? 0) + 1)
    const key = `${from}-${to}`
    moves.set(key, { from, to, count: (moves.get(key)?.count ?? 0) + 1 })
  }
  return [...moves.values()]
}

/** @returns how many moves are still to be made in all, for progress and estimates */
export function countExcess(servers: readonly ServerView[]): number {
  const active = servers.filter((server) => server.isActive)
  const mean = active.reduce((sum, server) => sum + server.copyCount, 0) / Math.max(1, active.length)
  return Math.round(active.reduce((sum, server) => sum + Math.max(0, server.copyCount - mean), 0))
}

interface Gap {
  readonly from: ServerId | null
  readonly to: ServerId | null
  readonly size: number
}

function widestGap(counts: ReadonlyMap<ServerId, number>, takers: readonly ServerId[]): Gap {
  let [from, to]: [ServerId | null, ServerId | null] = [null, null]
  for (const [id, count] of counts) if (from === null || count > (counts.get(from) ?? 0)) from = id
  for (const id of takers) if (to === null || (counts.get(id) ?? 0) < (counts.get(to) ?? 0)) to = id
  const size = from === null || to === null ? 0 : (counts.get(from) ?? 0) - (counts.get(to) ?? 0)
  return { from, to, size }
}
