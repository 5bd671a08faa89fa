import { type ByteSpan, partsOf } from '../chunks/chunk.ts'
import { type ReadContext, type ReadDeps, type ReadPace, readChunks } from '../chunks/reading/read-chunks.ts'
import { chunksOf, type FileRecord } from './file.model.ts'
import type { FileRecords } from './file-records.ts'

export interface GetDeps extends ReadDeps {
  readonly records: FileRecords
}

/**
 * Gives the bytes `start` to `end` of a file, verified before they are handed out. They are those of this record to the end,
 * or the read fails: a file of the same name that comes meanwhile is another one. @throws FILE_UNAVAILABLE
 */
export function readFile(
  deps: GetDeps,
  record: FileRecord,
  range: ByteSpan,
  context: ReadContext,
  pace: ReadPace,
): AsyncGenerator<Buffer> {
  const lookAgain = async () => {
    const found = await deps.records.findLiveById(record._id)
    return found === null ? null : chunksOf(found)
  }
  return readChunks(deps, { chunks: chunksOf(record), range, lookAgain }, context, pace)
}

/** @returns how many bytes are read for a range, since parts are read whole */
export function readBytesOf(record: FileRecord, range: ByteSpan): number {
  return partsOf(chunksOf(record), range).reduce((sum, { length }) => sum + length, 0)
}
