import { hasErrorName } from '@holdfast/shared/errors/store-error'
import type { Digest, FileId, PartKey, ServerId } from '@holdfast/shared/ids'
import type { Encoding, StoredCopy } from '@holdfast/shared/wire/shapes'
import type { Chunk } from '../chunk.ts'
import type { FileServerLink } from '../links/file-server-link.ts'
import type { FileServerRegistry } from '../registry.ts'
import { CopyIds } from './copy-ids.ts'
import { discardCopies } from './delete-copy.ts'
import { type Caller, type CopyOrder, storeCopy } from './store-copy.ts'
import {
  type HeldChunk,
  type ReplicatedStore,
  type ReplicaWish,
  type StoreReplicasDeps,
  storeReplicas,
} from './store-replicas.ts'

/** So many file-servers are asked to take the same stream. */
const MAX_ATTEMPTS = 3
/** Bytes that can be sent again go to another file-server when one has not answered by then. */
const SILENCE_MS = 2_000
const ONE_REPLICA: ReplicaWish = { replicas: 1, least: 1 }

/** Says where a chunk belongs and how its bytes travel. */
export interface ChunkOrder {
  readonly fileId: FileId
  /** The chunk's place in its holder, from 0. */
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
  readonly #deps: StoreReplicasDeps
  readonly copyIds = new CopyIds()

  constructor(registry: FileServerRegistry, silenceMs = SILENCE_MS) {
    this.#deps = { registry, silenceMs, copyIds: this.copyIds }
  }

  /** Stores bytes that are in memory on one file-server. @throws as `storeReplicas` does */
  async store(order: ChunkOrder, { bytes, sizeBytes }: HeldBytes, caller: Caller): Promise<Chunk> {
    const held = { pieces: [bytes], sizeBytes, sha256: null }
    return (await storeReplicas(this.#deps, order, held, ONE_REPLICA, caller)).chunk
  }

  /** Stores bytes that are in memory on several file-servers at once. @throws as the function of this name does */
  storeReplicas(
    order: ChunkOrder,
    held: HeldChunk & { readonly sha256: Digest },
    want: ReplicaWish,
    caller: Caller,
  ): Promise<ReplicatedStore> {
    return storeReplicas(this.#deps, order, held, want, caller)
  }

  /**
   * Stores bytes as they come. Once a file-server has agreed to take them no other one can, for they are not kept.
   * @throws what `all` throws, and the error of the file-server
   */
  async stream(order: ChunkOrder, { readBytes, all, partKey }: PassingBytes, caller: Caller): Promise<Chunk> {
    const tried: ServerId[] = []
    for (;;) {
      using place = this.#deps.registry.reserve({ sizeBytes: readBytes, exclude: tried })
      const { link } = place
      tried.push(link.id)
      const hasAwakeOne = this.#hasAnother(readBytes, tried, true)
      let isBegun = false
      const chunks = (async function* () {
        isBegun = true
        yield* all()
      })()
      const source = {
        kind: 'stream',
        chunks,
        partKey,
        ...(hasAwakeOne && { openDeadlineMs: this.#deps.silenceMs }),
      } as const
      try {
        return this.#stored(link, await storeCopy(link, this.#copyOrder(order), source, caller))
      } catch (error) {
        if (!isBegun && hasErrorName(error, 'DEADLINE_EXCEEDED')) link.noteSilence()
        if (isBegun || caller.signal.aborted || hasErrorName(error, 'INVALID_REQUEST')) throw error
        if (!this.#hasAnother(readBytes, tried, false)) throw error
      }
    }
  }

  /** Deletes chunks that no record will name. Nobody waits for it, because upkeep finds the orphans where it fails. */
  discard(chunks: readonly Chunk[], requestId: string): void {
    for (const { replicas } of chunks) discardCopies(this.#deps.registry, replicas, requestId)
  }

  #hasAnother(sizeBytes: number, tried: readonly ServerId[], mustAnswer: boolean): boolean {
    return tried.length < MAX_ATTEMPTS && this.#deps.registry.hasRoom({ sizeBytes, exclude: tried }, mustAnswer)
  }

  #copyOrder({ fileId, number, encoding, requestId }: ChunkOrder): CopyOrder {
    return { copyId: this.copyIds.next(fileId, number), encoding, sizeBytes: null, sha256: null, requestId }
  }

  #stored(link: FileServerLink, { copyId, slot, sizeBytes, sha256, partTags }: StoredCopy): Chunk {
    link.noteAnswer()
    this.#deps.registry.count(link.id, 1)
    const tags = partTags.length > 0 && { tags: Buffer.from(partTags) }
    return { size: sizeBytes, sha256, replicas: [{ server: link.id, slot, copyId }], ...tags, version: 0 }
  }
}
