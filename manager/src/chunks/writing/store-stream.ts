import { hasErrorName } from '@holdfast/shared/errors/store-error'
import type { PartKey, ServerId } from '@holdfast/shared/ids'
import type { Chunk } from '../chunk.ts'
import type { ChunkOrder, WritingDeps } from './chunk-writer.ts'
import { type Caller, storeCopy } from './store-copy.ts'

/** This many file-servers are asked at most to take the same stream. */
const MAX_ATTEMPTS = 3

/** These bytes are still coming in and are not kept, so they can be sent only once. */
export interface PassingBytes {
  /** Counts those that are there already, as they travel. */
  readonly readBytes: number
  /**
   * Gives all bytes from the first. It is called once, when a file-server has agreed to take them, and may throw to call the
   * copy off.
   */
  readonly all: () => AsyncIterable<Uint8Array>
  readonly partKey: PartKey
}

/**
 * Stores bytes as they come on one file-server. Until one has agreed to take them another is asked where it fails or stays
 * silent; after that none can be, for the bytes are not kept.
 * @throws what `all` throws, and the error of the file-server
 */
export async function storeStream(
  { registry, copyIds, silenceMs }: WritingDeps,
  { fileId, number, encoding, requestId }: ChunkOrder,
  { readBytes, all, partKey }: PassingBytes,
  caller: Caller,
): Promise<Chunk> {
  const tried: ServerId[] = []
  const hasAnother = (mustAnswer: boolean): boolean =>
    tried.length < MAX_ATTEMPTS && registry.hasRoom({ sizeBytes: readBytes, exclude: tried }, mustAnswer)
  for (;;) {
    using place = registry.reserve({ sizeBytes: readBytes, exclude: tried })
    const { link } = place
    tried.push(link.id)
    let isBegun = false
    const chunks = (async function* () {
      isBegun = true
      yield* all()
    })()
    const source = { kind: 'stream', chunks, partKey, ...(hasAnother(true) && { openDeadlineMs: silenceMs }) } as const
    const order = { copyId: copyIds.next(fileId, number), encoding, sizeBytes: null, sha256: null, requestId }
    try {
      const { copyId, slot, sizeBytes, sha256, partTags } = await storeCopy(link, order, source, caller)
      link.noteAnswer()
      registry.count(link.id, 1)
      const tags = partTags.length > 0 && { tags: Buffer.from(partTags) }
      return { size: sizeBytes, sha256, replicas: [{ server: link.id, slot, copyId }], ...tags, version: 0 }
    } catch (error) {
      if (!isBegun && hasErrorName(error, 'DEADLINE_EXCEEDED')) link.noteSilence()
      if (isBegun || caller.signal.aborted || hasErrorName(error, 'INVALID_REQUEST')) throw error
      if (!hasAnother(false)) throw error
    }
  }
}
