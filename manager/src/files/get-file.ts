import { StoreError } from '@holdfast/shared/errors/store-error'
import { PART_BYTES } from '@holdfast/shared/limits'
import { type ByteSpan, type PlacedChunk, partsOf } from '../chunks/chunk.ts'
import { type ReadContext, type ReadDeps, type ReadPace, readChunks } from '../chunks/reading/read-chunks.ts'
import { CHUNKS_PER_HOLDER, chunksOf, type FileRecord } from './file.model.ts'
import type { FileRecords } from './file-records.ts'

export interface GetDeps extends ReadDeps {
  readonly records: FileRecords
}

/** Each document of a large file but the last holds the chunks of so many bytes. */
const HOLDER_BYTES = CHUNKS_PER_HOLDER * PART_BYTES

/**
 * Gives the bytes `start` to `end` of a file, verified before they are handed out. They are those of this record to the end,
 * or the read fails: a file of the same name that comes meanwhile is another one. @throws FILE_UNAVAILABLE
 */
export async function* readFile(
  deps: GetDeps,
  record: FileRecord,
  { start, end }: ByteSpan,
  context: ReadContext,
  pace: ReadPace,
): AsyncGenerator<Buffer> {
  for (const { extent, holderStart, holderEnd } of holdersOf(record)) {
    const range = { start: Math.max(start, holderStart) - holderStart, end: Math.min(end, holderEnd) - holderStart }
    if (range.start >= range.end) continue
    const chunks = extent === 0 ? chunksOf(record) : await extentChunks(deps, record, extent)
    const lookAgain = () => (extent === 0 ? ownChunks(deps, record) : extentChunks(deps, record, extent))
    yield* readChunks(deps, { chunks, range, lookAgain }, context, pace)
  }
}

/** @returns how many bytes are read for a range, since parts are read whole */
export function readBytesOf(record: FileRecord, { start, end }: ByteSpan): number {
  // Chunks of class `replicated` are one part each.
  if (record.storageClass === 'replicated')
    return Math.min(record.size, Math.ceil(end / PART_BYTES) * PART_BYTES) - Math.floor(start / PART_BYTES) * PART_BYTES
  return partsOf(chunksOf(record), { start, end }).reduce((sum, { length }) => sum + length, 0)
}

/** Gives all chunks of a file, document by document. @throws FILE_UNAVAILABLE where the file goes meanwhile */
export async function* allChunks(
  deps: Pick<GetDeps, 'records'>,
  record: FileRecord,
): AsyncGenerator<readonly PlacedChunk[]> {
  for (const { extent } of holdersOf(record))
    yield extent === 0 ? chunksOf(record) : await extentChunks(deps, record, extent)
}

function* holdersOf({ size, extents = 0 }: FileRecord) {
  for (let extent = 0; extent <= extents; extent++) {
    const holderStart = extent * HOLDER_BYTES
    yield { extent, holderStart, holderEnd: extent === extents ? size : holderStart + HOLDER_BYTES }
  }
}

async function ownChunks({ records }: Pick<GetDeps, 'records'>, { _id }: FileRecord): Promise<PlacedChunk[] | null> {
  const found = await records.findLiveById(_id)
  return found === null ? null : chunksOf(found)
}

async function extentChunks(
  { records }: Pick<GetDeps, 'records'>,
  { _id }: FileRecord,
  extent: number,
): Promise<PlacedChunk[]> {
  const found = await records.findExtent(_id, extent)
  if (found === null) throw new StoreError('FILE_UNAVAILABLE', 'the file is gone')
  return chunksOf(found)
}
