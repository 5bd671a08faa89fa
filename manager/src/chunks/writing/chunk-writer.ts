import { hasErrorName } from '@holdfast/shared/errors/store-error'
import type { FileId, PartKey, ServerId } from '@holdfast/shared/ids'
import type { Encoding, StoredCopy } from '@holdfast/shared/wire/shapes'
import type { Chunk } from '../chunk.ts'
import type { FileServerLink } from '../links/file-server-link.ts'
import type { FileServerRegistry } from '../registry.ts'
import { CopyIds } from './copy-ids.ts'
import { discardCopies } from './delete-copy.ts'
import { type Caller, type CopyOrder, storeCopy } from './store-copy.ts'

/** So many file-servers are tried for the same bytes. */
const MAX_ATTEMPTS = 3
/** Bytes that can be sent again go to another file-server when one has not answered by then. */
const SILENCE_MS = 2_000

/** Says where a chunk belongs and how its bytes travel. */
export interface ChunkOrder {
  readonly fileId: FileId
  /** The chunk's place in its file, from 0. */
  readonly number: number
  readonly encoding: Encoding
  readonly requestId: string
}

/** These bytes are all in memory, so they can be sent more than once. */
export interface HeldBytes {
  readonly bytes: Buffer
  /** Counts the bytes after decoding. */
  readonly sizeBytes: number
}

/** These bytes are still coming in and are not kept, so they can be sent only once. */
export interface PassingBytes {
  /** So many are there already, as they travel. */
  readonly readBytes: number
  /**
   * Gives all bytes from the first. It is called once, when a file-server has agreed to take them, and may throw to call the
   * copy off.
   */
  readonly all: () => AsyncIterable<Uint8Array>
  readonly partKey: PartKey
}

/**
 * Stores chunks. It chooses a file-server, and another one where that fails or stays silent while the bytes can be sent
 * again.
 */
export class ChunkWriter {
  readonly #registry: FileServerRegistry
  readonly #silenceMs: number
  readonly copyIds = new CopyIds()

  constructor(registry: FileServerRegistry, silenceMs = SILENCE_MS) {
    this.#registry = registry
    this.#silenceMs = silenceMs
  }

  /**
   * Stores bytes that are in memory. While a file-server is silent another one is asked beside it. The first that has the
   * bytes durable wins, and what a later one stored is deleted. @throws the error of the last file-server that was asked
   */
  store(order: ChunkOrder, { bytes, sizeBytes }: HeldBytes, caller: Caller): Promise<Chunk> {
    const tried: ServerId[] = []
    let runningCount = 0
    let isDecided = false
    const mayTryAnother = (): boolean => !caller.signal.aborted && this.#hasAnother(sizeBytes, tried)
    return new Promise((resolve, reject) => {
      const attempt = (): void => {
        const place = this.#registry.reserve({ sizeBytes, exclude: tried })
        const { link } = place
        tried.push(link.id)
        runningCount++
        const silence = setTimeout(() => {
          link.noteSilence()
          if (!isDecided && mayTryAnother()) attempt()
        }, this.#silenceMs)
        const end = (): void => {
          clearTimeout(silence)
          place[Symbol.dispose]()
          runningCount--
        }
        storeCopy(link, this.#copyOrder(order, sizeBytes), { kind: 'inline', bytes }, caller).then(
          (copy) => {
            end()
            const chunk = this.#stored(link, copy)
            if (isDecided) return this.discard([chunk], order.requestId)
            isDecided = true
            resolve(chunk)
          },
          (error: unknown) => {
            end()
            if (isDecided) return
            if (!hasErrorName(error, 'INVALID_REQUEST') && mayTryAnother()) return attempt()
            if (runningCount > 0 && !hasErrorName(error, 'INVALID_REQUEST')) return
            isDecided = true
            reject(error)
          },
        )
      }
      attempt()
    })
  }

  /**
   * Stores bytes as they come. Once a file-server has agreed to take them no other one can, for they are not kept.
   * @throws what `all` throws, and the error of the file-server
   */
  async stream(order: ChunkOrder, { readBytes, all, partKey }: PassingBytes, caller: Caller): Promise<Chunk> {
    const tried: ServerId[] = []
    for (;;) {
      using place = this.#registry.reserve({ sizeBytes: readBytes, exclude: tried })
      const { link } = place
      tried.push(link.id)
      const hasAnother = this.#hasAnother(readBytes, tried)
      let isBegun = false
      const chunks = (async function* () {
        isBegun = true
        yield* all()
      })()
      const source = {
        kind: 'stream',
        chunks,
        partKey,
        ...(hasAnother && { openDeadlineMs: this.#silenceMs }),
      } as const
      try {
        return this.#stored(link, await storeCopy(link, this.#copyOrder(order, null), source, caller))
      } catch (error) {
        if (!isBegun && hasErrorName(error, 'DEADLINE_EXCEEDED')) link.noteSilence()
        if (isBegun || caller.signal.aborted || hasErrorName(error, 'INVALID_REQUEST') || !hasAnother) throw error
      }
    }
  }

  /** Deletes chunks that no record will name. Nobody waits for it, because upkeep finds the orphans where it fails. */
  discard(chunks: readonly Chunk[], requestId: string): void {
    for (const { replicas } of chunks) discardCopies(this.#registry, replicas, requestId)
  }

  #hasAnother(sizeBytes: number, tried: readonly ServerId[]): boolean {
    return tried.length < MAX_ATTEMPTS && this.#registry.hasRoom({ sizeBytes, exclude: tried })
  }

  #copyOrder({ fileId, number, encoding, requestId }: ChunkOrder, sizeBytes: number | null): CopyOrder {
    return { copyId: this.copyIds.next(fileId, number), encoding, sizeBytes, sha256: null, requestId }
  }

  #stored(link: FileServerLink, { copyId, slot, sizeBytes, sha256, partTags }: StoredCopy): Chunk {
    link.noteAnswer()
    this.#registry.count(link.id, 1)
    const tags = partTags.length > 0 && { tags: Buffer.from(partTags) }
    return { size: sizeBytes, sha256, replicas: [{ server: link.id, slot, copyId }], ...tags, version: 0 }
  }
}
