import type { ServerId } from '@holdfast/shared/ids'
import type { Logger } from '@holdfast/shared/node/logger'
import { removeReplicas } from '../files/delete-file.ts'
import type { FileRecords } from '../files/file-records.ts'
import type { ReplicaRecords } from '../files/holder-records.ts'
import type { FileServerRegistry } from '../chunks/registry.ts'
import type { Worker } from './upkeep.ts'

const BATCH = 200
const AT_ONCE = 16
const TOMBSTONE_AGE_MS = 7 * 24 * 3_600_000

interface Parts {
  readonly registry: FileServerRegistry
  readonly records: FileRecords
  readonly replicas: ReplicaRecords
  readonly log: Logger
}

/** Deletes carried out later: copies of deleted files go as soon as their file-server is there. */
export function garbageCollector(parts: Parts, everyMs: number): Worker {
  const { registry, records, replicas, log } = parts
  return {
    name: 'collect-garbage',
    everyMs,
    async run(signal) {
      let hasMore = false
      let goneCount = 0
      for (const link of registry.links) {
        if (signal.aborted || !registry.isActive(link)) continue
        const round = await collectOn(parts, link.id, signal)
        goneCount += round.goneCount
        hasMore ||= round.hasMore
      }
      if (goneCount > 0) log.info({ copies: goneCount }, 'copies of deleted files removed')
      await records.forgetEmptied()
      await replicas.forgetTombstones(TOMBSTONE_AGE_MS)
      return hasMore
    },
  }
}

/** Each file-server by itself: one whose deletes fail, of a disk gone read-only say, keeps none of the others waiting. */
async function collectOn(
  parts: Parts,
  server: ServerId,
  signal: AbortSignal,
): Promise<{ goneCount: number; hasMore: boolean }> {
  const leaving = await parts.records.findLeaving(server, BATCH)
  let goneCount = 0
  for (let start = 0; start < leaving.length && !signal.aborted; start += AT_ONCE) {
    const outcomes = await Promise.allSettled(
      leaving.slice(start, start + AT_ONCE).map((record) => removeReplicas(parts, record, 'collect-garbage')),
    )
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    for (const outcome of outcomes) if (outcome.status === 'fulfilled') goneCount += outcome.value
    if (failed === undefined) continue
    parts.log.warn({ serverId: server, err: failed.reason }, 'copies of deleted files not removed')
    return { goneCount, hasMore: false }
  }
  return { goneCount, hasMore: leaving.length === BATCH && goneCount > 0 }
}
