import type { Logger } from '@holdfast/shared/node/logger'
import type { Types } from 'mongoose'
import type { FileRecords } from '../files/file-records.ts'
import type { Loop } from './upkeep.ts'

/** One round ends at most this many files with extents. */
const BATCH = 100
/** One round looks at at most this many extents, which is more than one file has. */
const EXTENTS = 1_000
/** All extents are looked at so often. */
const EXTENTS_EVERY_MS = 3_600_000

/** Makes the loop that ends files that have expired, uploads that nobody goes on with, and the extents of what has ended. */
export function expirer(
  { records, log }: { readonly records: FileRecords; readonly log: Logger },
  everyMs: number,
): Loop {
  let doneCount = 0
  let lookedAt = Number.NEGATIVE_INFINITY
  let from: Types.ObjectId | null = null

  const endLostExtents = async (): Promise<void> => {
    const now = performance.now()
    if (from === null && now - lookedAt < EXTENTS_EVERY_MS) return
    if (from === null) lookedAt = now
    const { ended, next } = await records.ended.endLostExtents(from, EXTENTS)
    from = next
    if (ended > 0) log.warn({ extents: ended }, 'extents ended whose file is gone')
  }

  return {
    name: 'end-expired',
    everyMs,
    async run() {
      const [expired, abandoned] = [await records.ended.endExpired(), await records.ended.endAbandoned()]
      if (expired + abandoned > 0) log.info({ expired, abandoned }, 'files ended')
      doneCount += expired + abandoned
      const ended = await records.ended.findEndedWithExtents(BATCH)
      for (const record of ended) await records.ended.endExtents(record)
      await endLostExtents()
      return ended.length === BATCH
    },
    progress: () => ({ done: doneCount, remaining: null, bytesPerSecond: null, secondsLeft: null }),
  }
}
