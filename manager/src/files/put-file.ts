import { randomBytes } from 'node:crypto'
import { hasErrorName, StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import type { FileId, PartKey } from '@holdfast/shared/ids'
import { INLINE_MAX_BYTES } from '@holdfast/shared/limits'
import { failpoint } from '@holdfast/shared/node/failpoint'
import type { Encoding } from '@holdfast/shared/wire/shapes'
import { Types } from 'mongoose'
import type { Chunk } from '../chunks/chunk.ts'
import type { ChunkOrder, ChunkWriter } from '../chunks/writing/chunk-writer.ts'
import { contentTypeOf } from './content-type.ts'
import type { FileRecord } from './file.model.ts'
import type { FileRecords } from './file-records.ts'

export interface PutDeps {
  readonly writer: ChunkWriter
  readonly records: FileRecords
}

export interface PutContext {
  readonly requestId: string
  readonly signal: AbortSignal
}

/** A file comes in from such a source. */
export interface FileSource {
  /** The name stands here where it came before the bytes. */
  readonly earlyName: FileName | null
  readonly bytes: SourceBytes
  /** Reads what comes after the bytes. @throws StoreError where that is not right */
  finish(): Promise<FileName>
}

/**
 * Gives the bytes of a file, some of which are held. They travel encoded or not, while sizes and first bytes are the file's
 * own.
 */
export interface SourceBytes {
  readonly encoding: Encoding
  readonly isComplete: boolean
  readonly readBytes: number
  readonly head: Buffer
  /** @returns how many bytes the file has, once all are read. @throws INVALID_REQUEST where the encoding is broken */
  measure(): number
  readHead(limit: number): Promise<void>
  firstBytes(length: number): Buffer
  all(beforeEnd: () => Promise<void>): AsyncIterable<Uint8Array>
  close(): Promise<void>
}

interface Stored {
  readonly name: FileName
  readonly chunks: readonly Chunk[]
  /** The chunks' tags are made with this key. A file whose chunks came in one message has none. */
  readonly partKey?: PartKey
}

/**
 * Stores the bytes first and the record second, so that a file is visible only when it is durable. Bytes whose record could
 * not be written are removed, unless it is not known whether it was.
 */
export async function putFile(deps: PutDeps, source: FileSource, context: PutContext): Promise<FileRecord> {
  const { bytes } = source
  const _id = new Types.ObjectId()
  const fileId = _id.toHexString() as FileId
  try {
    await bytes.readHead(INLINE_MAX_BYTES)
    const stored = await (bytes.isComplete ? putHeld : putPassing)(deps, fileId, source, context)
    const record = recordOf(_id, stored, await contentTypeOf(stored.name, (length) => bytes.firstBytes(length)))
    await insertRecord(deps, record, context)
    return record
  } finally {
    await bytes.close()
  }
}

async function insertRecord({ records, writer }: PutDeps, record: FileRecord, context: PutContext): Promise<void> {
  await failpoint?.('manager.before-insert')
  try {
    await records.insert(record)
  } catch (error) {
    if (hasErrorName(error, 'FILE_EXISTS', 'COPY_DISCARDED', 'RECORD_NOT_SENT', 'OVERLOADED'))
      writer.discard(record.chunks, context.requestId)
    throw error
  }
  await failpoint?.('manager.after-insert')
}

/** Stores a small file, whose whole body is known to be right before a byte of it is stored. */
async function putHeld({ writer }: PutDeps, fileId: FileId, source: FileSource, context: PutContext): Promise<Stored> {
  const { bytes } = source
  const name = await source.finish()
  const held = { bytes: bytes.head, sizeBytes: bytes.measure() }
  return { name, chunks: [await writer.store(firstChunk(fileId, bytes, context), held, context)] }
}

/** Sends a large file on as it comes, and calls it off before it is durable if the rest of the body is not right. */
async function putPassing(
  { writer, records }: PutDeps,
  fileId: FileId,
  source: FileSource,
  context: PutContext,
): Promise<Stored> {
  const { bytes, earlyName } = source
  if (earlyName !== null && (await records.findLive(earlyName)) !== null)
    throw new StoreError('FILE_EXISTS', `the name that came before the bytes, ${JSON.stringify(earlyName)}, is taken`)
  let name: FileName | undefined
  const all = () =>
    bytes.all(async () => {
      name = await source.finish()
      bytes.measure()
    })
  const partKey = randomBytes(16).toString('hex') as PartKey
  const passing = { readBytes: bytes.readBytes, all, partKey }
  const chunk = await writer.stream(firstChunk(fileId, bytes, context), passing, context)
  if (name === undefined || chunk.size !== bytes.measure()) {
    writer.discard([chunk], context.requestId)
    throw new StoreError('DIGEST_MISMATCH', 'not all bytes arrived at the file-server')
  }
  return { name, chunks: [chunk], partKey }
}

/** A file of class `single` is one chunk. */
function firstChunk(fileId: FileId, { encoding }: SourceBytes, { requestId }: PutContext): ChunkOrder {
  return { fileId, number: 0, encoding, requestId }
}

function recordOf(_id: Types.ObjectId, { name, chunks, partKey }: Stored, contentType: string): FileRecord {
  const [chunk] = chunks
  if (chunk === undefined || chunks.length > 1) throw new StoreError('INTERNAL', 'a file of class single is one chunk')
  return {
    _id,
    state: 'live',
    addressedBy: 'path',
    name,
    size: chunk.size,
    sha256: chunk.sha256,
    contentType,
    owner: null,
    storageClass: 'single',
    createdAt: new Date(),
    expiresAt: null,
    chunks,
    ...(partKey !== undefined && { partKey }),
  }
}
