import { hasErrorName } from '@holdfast/shared/errors/store-error'
import type { CopyId, ServerId } from '@holdfast/shared/ids'
import { failpoint } from '@holdfast/shared/node/failpoint'
import type { PlacedChunk, Replica } from '../../chunks/chunk.ts'
import { discardCopies } from '../../chunks/writing/delete-copy.ts'
import type { Holder } from '../../files/file.model.ts'
import type { ChunkChange } from '../../files/holder-records.ts'
import { type CopyDeps, copyReplica, judgeCopy } from '../copy-replica.ts'
import type { Throttle } from '../throttle.ts'
import type { ChunkPlan } from './plan-replicate.ts'

const REQUEST_ID = 'replicate'

export interface HealDeps extends CopyDeps {
  readonly throttle: Throttle
}

/** A chunk may lack a replica, or have too many. */
export interface Candidate {
  readonly holder: Holder
  readonly place: PlacedChunk
  readonly goodCount: number
}

export interface Change extends ChunkChange {
  readonly holder: Holder
  readonly fresh: readonly Replica[]
}

/**
 * Copies a chunk to where it should be, and verifies those replicas that have to stay before another one may leave. A source
 * that turns out bad is marked, and the next one is read. @returns what is to be written, null where that is nothing
 */
export async function heal(
  deps: HealDeps,
  { holder, place }: Candidate,
  { sources, targets, staying, dropped }: Extract<ChunkPlan, { kind: 'heal' }>,
  wanted: number,
  signal: AbortSignal,
): Promise<Change | null> {
  const { registry, throttle, buffers } = deps
  const { number, chunk } = place
  const verdicts = new Map<CopyId, 'sound' | NonNullable<Replica['bad']>>()
  const isBad = ({ copyId }: Replica): boolean => !['sound', undefined].includes(verdicts.get(copyId))
  const judge = async (replica: Replica): Promise<void> => {
    const link = registry.find(replica.server)
    if (link !== undefined && registry.isActive(link))
      verdicts.set(replica.copyId, await judgeCopy(buffers, place, replica, link, signal))
  }
  const copyTo = async (to: ServerId): Promise<Replica | null> => {
    for (const from of sources.filter((replica) => !isBad(replica))) {
      const [source, target] = [registry.find(from.server), registry.find(to)]
      if (source === undefined || target === undefined) continue
      await throttle.take(chunk.size, signal)
      await failpoint?.('manager.before-copy')
      try {
        const fresh = await copyReplica(deps, holder, place, { from, source, target }, signal)
        verdicts.set(from.copyId, 'sound')
        return fresh
      } catch (error) {
        if (!hasErrorName(error, 'DIGEST_MISMATCH', 'COPY_MISMATCH', 'COPY_NOT_FOUND', 'DISK_FAILED')) throw error
        await judge(from)
        if (!isBad(from)) throw error
      }
    }
    return null
  }

  const fresh: Replica[] = []
  try {
    for (const target of targets) {
      const replica = await copyTo(target)
      if (replica !== null) fresh.push(replica)
    }
    if (dropped.length > 0) {
      for (const replica of staying) if (!verdicts.has(replica.copyId)) await judge(replica)
    }
  } catch (error) {
    discardCopies(registry, fresh, REQUEST_ID)
    throw error
  }
  const soundCount = fresh.length + staying.filter(({ copyId }) => verdicts.get(copyId) === 'sound').length
  const leaving = soundCount >= wanted ? dropped : []
  const replicas = [
    ...chunk.replicas.filter((replica) => !leaving.includes(replica)).map((replica) => marked(replica, verdicts)),
    ...fresh,
  ]
  const isMarked = chunk.replicas.some((replica) => replica.bad === undefined && isBad(replica))
  const isChanged = fresh.length > 0 || leaving.length > 0 || isMarked
  return isChanged ? { holder, number, chunk, replicas, leaving, fresh } : null
}

function marked(replica: Replica, verdicts: ReadonlyMap<CopyId, 'sound' | NonNullable<Replica['bad']>>): Replica {
  const verdict = verdicts.get(replica.copyId)
  const isNews = verdict !== undefined && verdict !== 'sound' && replica.bad === undefined
  return isNews ? { ...replica, bad: verdict } : replica
}
