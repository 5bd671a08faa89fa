import { randomBytes } from 'node:crypto'
import { hasErrorName, StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import type { FileId, LinkId } from '@holdfast/shared/ids'
import { INLINE_MAX_BYTES } from '@holdfast/shared/limits'
import { failpoint } from '@holdfast/shared/node/failpoint'
import type { Encoding } from '@holdfast/shared/wire/shapes'
import { Types } from 'mongoose'
import { contentTypeOf } from './content-type.ts'
import type { Expiry } from './expiry.ts'
import type { FileRecord, StorageClass } from './file.model.ts'
import type { FileRecords, ReplaceObjection } from './file-records.ts'
import type { OpenFile } from './open-files.ts'
import { type ReplicatedDeps, storeReplicated } from './store-replicated.ts'
import { storeSingle } from './store-single.ts'

export interface PutDeps extends ReplicatedDeps {
  readonly records: FileRecords
}

/** Says how a file is to be kept and found. */
export interface PutWish {
  readonly storageClass: StorageClass
  readonly addressedBy: 'path' | 'link'
  /** The file never expires without one. */
  readonly expiry?: Expiry | null
  /** Where this is given the file may replace one that has its path, unless it objects. */
  readonly replacing?: ReplaceObjection
}

export interface PutContext {
  readonly requestId: string
  /** It fires when the client hangs up. */
  readonly signal: AbortSignal
  /** Ends the reading of a body that is still to come. What waits for it meets CANCELLED. */
  stopReading(): void
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

type Stored = Pick<FileRecord, 'size' | 'sha256' | 'chunks' | 'partKey' | 'short'> & {
  readonly open: OpenFile | null
}

/**
 * Stores the bytes first and the record second, so that a file is visible only when it is durable. Bytes whose record could
 * not be written are removed, unless it is not known whether it was.
 */
export async function putFile(
  deps: PutDeps,
  source: FileSource,
  wish: PutWish,
  context: PutContext,
): Promise<FileRecord> {
  const { bytes } = source
  const _id = new Types.ObjectId()
  try {
    // A body of class `replicated` has its memory counted before it is read.
    if (wish.storageClass === 'single') await bytes.readHead(INLINE_MAX_BYTES)
    if (!bytes.isComplete) await requireFree(deps, source, wish)
    let name: FileName | undefined
    const beforeEnd = async (): Promise<void> => {
      name = await source.finish()
    }
    const stored = await store(deps, _id, { bytes, beforeEnd }, wish, context)
    if (name === undefined) throw new StoreError('INTERNAL', 'a source ended without its end')
    const contentType = await contentTypeOf(name, (length) => bytes.firstBytes(length))
    const { open, ...fields } = stored
    const record = { ...recordOf(_id, name, contentType, wish), ...fields }
    await makeVisible(deps, record, open, wish, context)
    return record
  } finally {
    await bytes.close()
  }
}

/** Refuses a large body before it is stored where its name came first and is taken. */
async function requireFree({ records }: PutDeps, { earlyName }: FileSource, wish: PutWish): Promise<void> {
  if (earlyName === null || wish.addressedBy === 'link') return
  const current = await records.findLive(earlyName)
  const refusal = wish.replacing?.(current) ?? null
  if (refusal !== null) throw refusal
  if (current !== null && wish.replacing === undefined)
    throw new StoreError('FILE_EXISTS', `the name that came before the bytes, ${JSON.stringify(earlyName)}, is taken`)
}

async function store(
  deps: PutDeps,
  _id: Types.ObjectId,
  source: { readonly bytes: SourceBytes; readonly beforeEnd: () => Promise<void> },
  { storageClass }: PutWish,
  context: PutContext,
): Promise<Stored> {
  if (storageClass === 'single') {
    const { chunk, partKey } = await storeSingle(deps.writer, _id.toHexString() as FileId, source, context)
    const { size, sha256 } = chunk
    return { size, sha256, chunks: [chunk], open: null, ...(partKey !== undefined && { partKey }) }
  }
  const { size, sha256, chunks, short, open } = await storeReplicated(deps, _id, source, context)
  return { size, sha256, chunks, open, ...(short !== null && { short }) }
}

/** After these errors the record is not there and will not come. */
const refusals = ['FILE_EXISTS', 'PRECONDITION_FAILED', 'COPY_DISCARDED', 'RECORD_NOT_SENT', 'OVERLOADED'] as const

async function makeVisible(
  { records, writer }: PutDeps,
  record: FileRecord,
  open: OpenFile | null,
  { replacing }: PutWish,
  context: PutContext,
): Promise<void> {
  await failpoint?.('manager.before-insert')
  try {
    if (replacing !== undefined) await records.replace(record, open !== null, replacing)
    else if (open !== null) await records.complete(record)
    else await records.insert(record)
  } catch (error) {
    if (hasErrorName(error, ...refusals)) {
      writer.discard(record.chunks, context.requestId)
      // Where the database is away, upkeep gives the file up.
      await open?.abandon().catch(() => undefined)
    }
    throw error
  }
  await failpoint?.('manager.after-insert')
}

function recordOf(_id: Types.ObjectId, name: FileName, contentType: string, wish: PutWish) {
  const { storageClass, addressedBy, expiry } = wish
  const createdAt = new Date()
  return {
    _id,
    state: 'live' as const,
    addressedBy,
    name,
    ...(addressedBy === 'link' && { link: randomBytes(16).toString('hex') as LinkId }),
    contentType,
    owner: null,
    storageClass,
    createdAt,
    expiresAt: expiry?.(createdAt) ?? null,
  }
}
