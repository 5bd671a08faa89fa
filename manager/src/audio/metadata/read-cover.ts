import type { ReadContext } from '../../chunks/reading/read-chunks.ts'
import { CONTENT_MEMORY_BYTES } from '../../files/inspection.ts'
import type { Track } from '../track-list.ts'
import type { Cover } from './metadata.ts'
import { contentOf, type StoredDeps } from './read-stored.ts'

/** @returns how many bytes are in memory while the picture of a track is read */
export function coverMemoryBytes({ audio }: Track): number {
  return CONTENT_MEMORY_BYTES + (audio.cover?.size ?? 0)
}

/** @returns the picture that is embedded in a track, or null where none can be read. @throws FILE_UNAVAILABLE, OVERLOADED */
export async function readEmbeddedCover(deps: StoredDeps, track: Track, context: ReadContext): Promise<Cover | null> {
  return deps.metadata.readCover(contentOf(deps, track, context), context.signal)
}
