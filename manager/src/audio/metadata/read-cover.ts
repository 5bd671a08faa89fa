import type { ReadContext } from '../../chunks/reading/read-chunks.ts'
import { type GetDeps, readFile } from '../../files/get-file.ts'
import { CONTENT_MEMORY_BYTES, contentReadBy, unhurried } from '../../files/inspection.ts'
import type { Track } from '../track-list.ts'
import type { Cover } from './metadata.ts'
import type { MetadataReader } from './metadata-reader.ts'

export interface CoverDeps extends GetDeps {
  readonly metadata: MetadataReader
}

/** @returns how many bytes are in memory while the picture of a track is read */
export function coverMemoryBytes({ audio }: Track): number {
  return CONTENT_MEMORY_BYTES + (audio.cover?.size ?? 0)
}

/** @returns the picture that is embedded in a track, or null where none can be read. @throws FILE_UNAVAILABLE, OVERLOADED */
export async function readEmbeddedCover(deps: CoverDeps, track: Track, context: ReadContext): Promise<Cover | null> {
  const read = (range: { start: number; end: number }) => readFile(deps, track, range, context, unhurried)
  const content = contentReadBy(read, { size: track.size, head: Buffer.alloc(0) })
  return deps.metadata.readCover(content, context.signal)
}
