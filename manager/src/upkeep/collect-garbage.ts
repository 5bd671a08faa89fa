import type { Logger } from '@holdfast/shared/node/logger'
import { removeReplicas } from '../files/delete-file.ts'
import type { FileRecords } from '../files/file-records.ts'
import type { ReplicaRecords } from '../files/replica-records.ts'
import type { FileServerRegistry } from '../storage/registry.ts'
import type { Worker } from './upkeep.ts'

const BATCH = 200
const AT_ONCE = 16
const TOMBSTONE_AGE_MS = 7 * 24 * 3_600_000

/** Deletes carried out later: copies of deleted files go as soon as their file-server is there. */
export function garbageCollector(
  parts: { registry: FileServerRegistry; records: FileRecords; replicas: ReplicaRecords; log: Logger },
  everyMs: number,
): Worker {
  const { registry, records, replicas, log } = parts
  return {
    name: 'collect-garbage',
    everyMs,
    async run(signal) {
      const servers = registry.links.filter((link) => registry.isActive(link)).map((link) => link.id)
      if (servers.length === 0) return false
      const leaving = await records.findLeaving(servers, BATCH)
      let goneCount = 0
      for (let start = 0; start < leaving.length && !signal.aborted; start += AT_ONCE) {
        const outcomes = await Promise.allSettled(
          leaving.slice(start, start + AT_ONCE).map((record) => removeReplicas(parts, record, 'collect-garbage')),
        )
        for (const outcome of outcomes) {
          if (outcome.status === 'fulfilled') goneCount += outcome.value
          else log.warn({ err: outcome.reason }, 'copy of a deleted file not removed')
        }
      }
      if (goneCount > 0) log.info({ copies: goneCount }, 'copies of deleted files removed')
      await records.forgetEmptied()
      await replicas.forgetTombstones(TOMBSTONE_AGE_MS)
      return leaving.length === BATCH && goneCount > 0
    },
  }
}
