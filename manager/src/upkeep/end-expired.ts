import type { Logger } from '@holdfast/shared/node/logger'
import type { FileRecords } from '../files/file-records.ts'
import type { Loop } from './upkeep.ts'

/** So many files with extents are ended in one round. */
const BATCH = 100

/** Makes the loop that ends files that have expired, uploads that nobody goes on with, and the extents of what has ended. */
export function expirer(
  { records, log }: { readonly records: FileRecords; readonly log: Logger },
  everyMs: number,
): Loop {
  let doneCount = 0
  return {
    name: 'end-expired',
    everyMs,
    async run() {
      const [expired, abandoned] = [await records.endExpired(), await records.endAbandoned()]
      if (expired + abandoned > 0) log.info({ expired, abandoned }, 'files ended')
      doneCount += expired + abandoned
      const ended = await records.findEndedWithExtents(BATCH)
      for (const record of ended) await records.endExtents(record)
      return ended.length === BATCH
    },
    progress: () => ({ done: doneCount, remaining: null, bytesPerSecond: null, secondsLeft: null }),
  }
}
