import { randomBytes } from 'node:crypto'
import { hasErrorName, StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import type { FileId, LinkId } from '@holdfast/shared/ids'
import { INLINE_MAX_BYTES } from '@holdfast/shared/limits'
import { failpoint } from '@holdfast/shared/node/failpoint'
import type { Encoding } from '@holdfast/shared/wire/shapes'
import { Types } from 'mongoose'
import type { Chunk } from '../chunks/chunk.ts'
import { contentTypeOf } from './content-type.ts'
import type { Expiry } from './expiry.ts'
import { chunksOf, type FileRecord, type StorageClass } from './file.model.ts'
import type { FileRecords, ReplaceObjection } from './file-records.ts'
import { type Findings, heldContent, type Inspection, type InspectionDeps, storedContent } from './inspection.ts'
import type { OpenFile } from './open-files.ts'
import { type ReplicatedDeps, storeReplicated } from './store-replicated.ts'
import { storeSingle } from './store-single.ts'

export interface PutDeps extends ReplicatedDeps {
  readonly records: FileRecords
  /** Files are looked into on their way in, where there is one. */
  readonly inspection?: InspectionDeps
}

/** Says how a file is to be kept and found. */
export interface PutWish {
  readonly storageClass: StorageClass
  readonly addressedBy: 'path' | 'link'
  /** A client that may have to send the file again has made its link itself. */
  readonly link?: LinkId
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
  readonly isSmall: boolean
  readonly isComplete: boolean
  readonly readBytes: number
  readonly head: Buffer
  /** @returns how many bytes the file has, once all are read. @throws INVALID_REQUEST where the encoding is broken */
  measure(): number
  readHead(limit: number): Promise<void>
  firstBytes(length: number): Buffer
  all(beforeEnd: () => Promise<void>): AsyncIterable<Uint8Array>
  /** Gives the file's own bytes, in pieces that the receiver may keep. */
  decoded(beforeEnd: () => Promise<void>): AsyncIterable<Buffer>
  close(): Promise<void>
}

/** Gives a file that is on its way to where it is stored. */
export interface IncomingSource {
  readonly bytes: SourceBytes
  /** Is called when the first bytes are there. It may throw to refuse the file. */
  onHead(): void
  /** Reads what comes after the bytes, and may throw to call the file off. */
  beforeEnd(): Promise<void>
}

type Stored = Pick<FileRecord, 'size' | 'sha256' | 'chunks' | 'partKey' | 'short'> & {
  readonly open: OpenFile | null
  readonly allChunks: readonly Chunk[]
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
    const inspections: Inspection[] = []
    const onHead = (): void => {
      const inspection = deps.inspection?.inspector.begin((length) => bytes.firstBytes(length)) ?? null
      if (inspection !== null) inspections.push(inspection)
    }
    let name: FileName | undefined
    const beforeEnd = async (): Promise<void> => {
      name = await source.finish()
    }
    const stored = await store(deps, _id, { bytes, onHead, beforeEnd }, wish, context)
    if (name === undefined) throw new StoreError('INTERNAL', 'a source ended without its end')
    const { open, allChunks, ...fields } = stored
    const [inspection] = inspections
    const findings = inspection === undefined ? {} : await inspect(deps, inspection, { name, bytes }, stored, context)
    const contentType = findings.contentType ?? (await contentTypeOf(name, (length) => bytes.firstBytes(length)))
    const described = { _id, name: findings.name ?? name, contentType, ...fields, ...audioOf(findings, wish) }
    const record = recordOf(described, wish)
    await makeVisible(deps, record, open, wish, context)
    deps.inspection?.onVisible?.(record)
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
  source: IncomingSource,
  { storageClass }: PutWish,
  context: PutContext,
): Promise<Stored> {
  if (storageClass === 'single') {
    source.onHead()
    const { chunk, partKey } = await storeSingle(deps.writer, _id.toHexString() as FileId, source, context)
    const { size, sha256 } = chunk
    const chunks = [chunk]
    return { size, sha256, chunks, allChunks: chunks, open: null, ...(partKey !== undefined && { partKey }) }
  }
  const { short, ...file } = await storeReplicated(deps, _id, source, context)
  return { ...file, ...(short !== null && { short }) }
}

/** Looks into a file that is stored and that nobody can see yet. Nothing of one that is refused stays. */
async function inspect(
  deps: PutDeps,
  inspection: Inspection,
  { name, bytes }: { readonly name: FileName; readonly bytes: SourceBytes },
  stored: Stored,
  { requestId, signal }: PutContext,
): Promise<Findings> {
  const { size, allChunks, partKey, open } = stored
  const head = bytes.firstBytes(INLINE_MAX_BYTES)
  // The chunks of several documents are verified by SHA-256, because each document has a key of its own.
  const chunks = chunksOf({ chunks: allChunks, ...(partKey !== undefined && open === null && { partKey }) })
  const content =
    head.length === size || deps.inspection === undefined
      ? heldContent(head)
      : storedContent(deps.inspection, { chunks, size, head }, { requestId, signal })
  try {
    return await inspection(content, { name, requestId, signal })
  } catch (error) {
    await discard(deps, stored, requestId)
    throw error
  }
}

/** What has a link is in no list of audio, so nothing is due of it. */
function audioOf({ audio, isAudioDue }: Findings, { addressedBy }: PutWish): Pick<FileRecord, 'audio' | 'audioDue'> {
  return {
    ...(audio !== undefined && { audio }),
    ...(isAudioDue && addressedBy === 'path' && { audioDue: true as const }),
  }
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
    if (hasErrorName(error, ...refusals)) await discard({ writer }, { chunks: record.chunks, open }, context.requestId)
    throw error
  }
  await failpoint?.('manager.after-insert')
}

async function discard(
  { writer }: Pick<PutDeps, 'writer'>,
  { chunks, open }: Pick<Stored, 'chunks' | 'open'>,
  requestId: string,
): Promise<void> {
  writer.discard(chunks, requestId)
  // Where the database is away, upkeep gives the file up.
  await open?.abandon().catch(() => undefined)
}

type Described = Omit<
  FileRecord,
  'state' | 'owner' | 'addressedBy' | 'link' | 'storageClass' | 'createdAt' | 'expiresAt'
>

function recordOf(described: Described, { storageClass, addressedBy, link, expiry }: PutWish): FileRecord {
  const createdAt = new Date()
  return {
    state: 'live',
    owner: null,
    ...described,
    addressedBy,
    storageClass,
    createdAt,
    expiresAt: expiry?.(createdAt) ?? null,
    ...(addressedBy === 'link' && { link: link ?? (randomBytes(16).toString('hex') as LinkId) }),
  }
}
