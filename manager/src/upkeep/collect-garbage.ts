import type { ServerId } from '@holdfast/shared/ids'
import type { Logger } from '@holdfast/shared/node/logger'
import type { FileServerRegistry } from '../chunks/registry.ts'
import { removeCopies } from '../files/delete-file.ts'
import type { Holder } from '../files/file.model.ts'
import type { FileRecords } from '../files/file-records.ts'
import type { HolderRecords } from '../files/holder-records.ts'
import { removeLeaving } from './move-replica.ts'
import type { Loop } from './upkeep.ts'

const BATCH = 200
const AT_ONCE = 16
const TOMBSTONE_AGE_MS = 7 * 24 * 3_600_000

interface Deps {
  readonly registry: FileServerRegistry
  readonly records: FileRecords
  readonly holders: HolderRecords
  readonly log: Logger
}

/** Says what was deleted on a file-server in one round, and whether there is more of it. */
interface Round {
  readonly goneCount: number
  readonly hasMore: boolean
}

/**
 * Makes the loop that carries out deletes which were left for later: copies of deleted files, and copies that are leaving, go
 * as soon as their file-server is there.
 */
export function garbageCollector(deps: Deps, everyMs: number): Loop {
  const { registry, records, holders, log } = deps
  return {
    name: 'collect-garbage',
    everyMs,
    async run(signal) {
      let hasMore = false
      let goneCount = 0
      for (const link of registry.links) {
        for (const collect of [collectDeleted, collectLeaving]) {
          if (signal.aborted || !registry.isActive(link)) continue
          const round = await collect(deps, link.id, signal)
          goneCount += round.goneCount
          hasMore ||= round.hasMore
        }
      }
      if (goneCount > 0) log.info({ copies: goneCount }, 'copies removed that nothing needs')
      await records.ended.forgetEmptied()
      await holders.removals.forgetTombstones(TOMBSTONE_AGE_MS)
      return hasMore
    },
  }
}

async function collectDeleted(deps: Deps, server: ServerId, signal: AbortSignal): Promise<Round> {
  const deleted = await deps.records.ended.findDeleted(server, BATCH)
  return collect(deps, server, deleted, (record) => removeCopies(deps, record, 'collect-garbage', server), signal)
}

async function collectLeaving(deps: Deps, server: ServerId, signal: AbortSignal): Promise<Round> {
  const removeOn = async (holder: Holder): Promise<number> => {
    const copies = holder.chunks.flatMap(({ leaving = [] }) => leaving.filter((copy) => copy.server === server))
    return removeLeaving(deps, holder, copies)
  }
  return collect(deps, server, await deps.holders.removals.findWithLeaving(server, BATCH), removeOn, signal)
}

/**
 * Removes copies in batches. A file-server whose deletes fail, because its disk has gone read-only say, keeps none of the
 * others waiting.
 */
async function collect<H extends Holder>(
  { log }: Deps,
  server: ServerId,
  holders: readonly H[],
  remove: (holder: H) => Promise<number>,
  signal: AbortSignal,
): Promise<Round> {
  let goneCount = 0
  for (let start = 0; start < holders.length && !signal.aborted; start += AT_ONCE) {
    const outcomes = await Promise.allSettled(holders.slice(start, start + AT_ONCE).map(remove))
    for (const outcome of outcomes) if (outcome.status === 'fulfilled') goneCount += outcome.value
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failed === undefined) continue
    log.warn({ serverId: server, err: failed.reason }, 'copies not removed')
    return { goneCount, hasMore: false }
  }
  return { goneCount, hasMore: holders.length === BATCH && goneCount > 0 }
}
