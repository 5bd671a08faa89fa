import { randomBytes } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileId, PartKey } from '@holdfast/shared/ids'
import type { Chunk } from '../chunks/chunk.ts'
import type { ChunkOrder, ChunkWriter } from '../chunks/writing/chunk-writer.ts'
import type { ReplicaWish } from '../chunks/writing/store-replicas.ts'
import type { PutContext, SourceBytes } from './put-file.ts'

const ONE_REPLICA: ReplicaWish = { replicas: 1, least: 1 }

export interface SingleFile {
  readonly chunk: Chunk
  /** The chunk's tags are made with this key. One that came in one message has none. */
  readonly partKey?: PartKey
}

/**
 * Stores a file of class `single`, which is one chunk with one replica, and travels as it came.
 * @param beforeEnd reads what comes after the bytes, and may throw to call the file off
 */
export async function storeSingle(
  writer: ChunkWriter,
  fileId: FileId,
  { bytes, beforeEnd }: { readonly bytes: SourceBytes; readonly beforeEnd: () => Promise<void> },
  context: PutContext,
): Promise<SingleFile> {
  const { encoding, readBytes } = bytes
  const order: ChunkOrder = { fileId, number: 0, encoding, requestId: context.requestId }
  if (bytes.isComplete) {
    // The whole body is known to be right before a byte of it is stored.
    await beforeEnd()
    const held = { pieces: [bytes.head], sizeBytes: bytes.measure(), sha256: null }
    return { chunk: (await writer.storeReplicas(order, held, ONE_REPLICA, context)).chunk }
  }
  let isWhole = false
  const all = () =>
    bytes.all(async () => {
      await beforeEnd()
      bytes.measure()
      isWhole = true
    })
  const partKey = randomBytes(16).toString('hex') as PartKey
  const chunk = await writer.storeStream(order, { readBytes, all, partKey }, context)
  if (!isWhole || chunk.size !== bytes.measure()) {
    writer.discard([chunk], context.requestId)
    throw new StoreError('BAD_ANSWER', 'not all bytes arrived at the file-server')
  }
  return { chunk, partKey }
}
