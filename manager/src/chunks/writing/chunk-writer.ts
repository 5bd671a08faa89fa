import type { FileId } from '@holdfast/shared/ids'
import type { Encoding } from '@holdfast/shared/wire/shapes'
import type { Chunk } from '../chunk.ts'
import type { FileServerRegistry } from '../registry.ts'
import { CopyIds } from './copy-ids.ts'
import { discardCopies } from './delete-copy.ts'
import type { Caller } from './store-copy.ts'
import { type HeldChunk, type ReplicatedStore, type ReplicaWish, storeReplicas } from './store-replicas.ts'
import { type PassingBytes, storeStream } from './store-stream.ts'

/** Bytes that can be sent again go to another file-server when one has not answered by then. */
const SILENCE_MS = 2_000

/** Says where a chunk belongs and how its bytes travel. */
export interface ChunkOrder {
  readonly fileId: FileId
  /** This is the chunk's place in its holder, from 0. */
  readonly number: number
  readonly encoding: Encoding
  readonly requestId: string
}

export interface WritingDeps {
  readonly registry: FileServerRegistry
  readonly copyIds: CopyIds
  /** A file-server may take this long before another one is asked beside it. */
  readonly silenceMs: number
}

/** Stores chunks. The file-servers are chosen by it, and others in place of those that fail or stay silent. */
export interface ChunkWriter {
  readonly copyIds: CopyIds
  /** Stores bytes that are in memory, and can be sent more than once, on one or several file-servers at once. */
  storeReplicas(order: ChunkOrder, held: HeldChunk, want: ReplicaWish, caller: Caller): Promise<ReplicatedStore>
  /** Stores bytes that pass, and can be sent only once, on one file-server. */
  storeStream(order: ChunkOrder, passing: PassingBytes, caller: Caller): Promise<Chunk>
  /** Deletes chunks that no record will name. Nobody waits for it, because upkeep finds the orphans where it fails. */
  discard(chunks: readonly Chunk[], requestId: string): void
}

export function chunkWriter(registry: FileServerRegistry, silenceMs = SILENCE_MS): ChunkWriter {
  const deps: WritingDeps = { registry, silenceMs, copyIds: new CopyIds() }
  return {
    copyIds: deps.copyIds,
    storeReplicas: storeReplicas.bind(null, deps),
    storeStream: storeStream.bind(null, deps),
    discard(chunks, requestId) {
      for (const { replicas } of chunks) discardCopies(registry, replicas, requestId)
    },
  }
}
