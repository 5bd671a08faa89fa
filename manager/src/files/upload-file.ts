import { randomBytes } from 'node:crypto'
import { decodedLength } from '@holdfast/shared/base64-length'
import { hasErrorName, StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import {
  COPY_RANDOM_DIGITS,
  type CopyId,
  type FileId,
  makeCopyId,
  type PartKey,
  type ServerId,
} from '@holdfast/shared/ids'
import { INLINE_MAX_BYTES } from '@holdfast/shared/limits'
import { failpoint } from '@holdfast/shared/node/failpoint'
import type { Encoding, StoredCopy } from '@holdfast/shared/wire/events'
import { Types } from 'mongoose'
import type { IncomingFile } from '../bodies/incoming-file.ts'
import { deleteCopy } from '../storage/delete-copy.ts'
import type { FileServerLink } from '../storage/file-server-link.ts'
import type { FileServerRegistry } from '../storage/registry.ts'
import { type CopyOrder, storeCopy } from '../storage/store-copy.ts'
import { contentTypeOf } from './content-type.ts'
import type { FileRecord } from './file.model.ts'
import type { FileRecords } from './file-records.ts'
import { RandomDigits } from './random-digits.ts'
import { SentBytes } from './sent-bytes.ts'

const randomDigits = new RandomDigits(COPY_RANDOM_DIGITS)

/** File-servers that are tried for bytes that are still in memory. */
const MAX_ATTEMPTS = 3

export interface UploadParts {
  readonly registry: FileServerRegistry
  readonly records: FileRecords
}

export interface UploadContext {
  readonly requestId: string
  readonly signal: AbortSignal
}

interface Stored {
  readonly fileId: Types.ObjectId
  readonly link: FileServerLink
  readonly copy: StoredCopy
  /** What its part tags were made with; none of a small file. */
  readonly partKey?: PartKey
}

interface Placed {
  readonly stored: Stored
  readonly name: FileName
  /** The first bytes of the body's file, in its encoding. */
  readonly head: Buffer
}

/**
 * Bytes first, record second: the file is visible only when it is durable. Bytes whose record could not be written are
 * removed, unless it is not known whether it was.
 */
export async function uploadFile(parts: UploadParts, file: IncomingFile, context: UploadContext): Promise<FileRecord> {
  const { encoding, whole } = file
  const { stored, name, head } = await (whole === undefined
    ? storeBytes(parts, file, context)
    : storeHead(parts, encoding, whole, context))
  const headOf = (length: number) => (encoding === 'base64' ? decodeHead(head, length) : head.subarray(0, length))
  const record = recordOf(stored, name, await contentTypeOf(name, headOf))
  await failpoint?.('manager.before-insert')
  try {
    await parts.records.insert(record)
  } catch (error) {
    if (hasErrorName(error, 'FILE_EXISTS', 'COPY_DISCARDED', 'RECORD_NOT_SENT', 'OVERLOADED'))
      removeLater(parts.registry, stored, context.requestId)
    throw error
  }
  await failpoint?.('manager.after-insert')
  return record
}

async function storeBytes(parts: UploadParts, file: IncomingFile, context: UploadContext): Promise<Placed> {
  const sent = new SentBytes(file.bytes)
  try {
    const head = await sent.readHead(INLINE_MAX_BYTES)
    if (!sent.isComplete) return await storeRest(parts, file, { sent, head }, context)
    return await storeHead(parts, file.encoding, { name: await file.finish(), bytes: head }, context)
  } finally {
    await sent.close()
  }
}

/** A small file: its whole body is known to be right before a byte is stored, and another file-server can take it. */
async function storeHead(
  { registry }: UploadParts,
  encoding: Encoding,
  { name, bytes }: { readonly name: FileName; readonly bytes: Buffer },
  context: UploadContext,
): Promise<Placed> {
  const sizeBytes = encoding === 'base64' ? sizeOfBase64(bytes.length, paddingOf(bytes)) : bytes.length
  const tried: ServerId[] = []
  for (;;) {
    using place = registry.reserve({ sizeBytes, exclude: tried })
    const { link } = place
    const { fileId, copyId } = newIds()
    const order: CopyOrder = { copyId, encoding, sizeBytes, sha256: null, requestId: context.requestId }
    try {
      const copy = await storeCopy(link, order, { kind: 'inline', bytes }, context)
      registry.count(link.id, 1)
      return { name, stored: { fileId, link, copy }, head: bytes }
    } catch (error) {
      tried.push(link.id)
      const isHopeless = context.signal.aborted || hasErrorName(error, 'INVALID_REQUEST')
      if (isHopeless || tried.length === MAX_ATTEMPTS || !registry.hasRoom({ sizeBytes, exclude: tried })) throw error
    }
  }
}

/** A large file: sent on as it comes, called off before it is durable if the rest of the body is not right. */
async function storeRest(
  { registry, records }: UploadParts,
  file: IncomingFile,
  { sent, head }: { readonly sent: SentBytes; readonly head: Buffer },
  context: UploadContext,
): Promise<Placed> {
  const { requestId } = context
  if (file.earlyName !== null && (await records.findLive(file.earlyName)) !== null) throw new StoreError('FILE_EXISTS')
  using place = registry.reserve({ sizeBytes: sent.readBytes })
  const { fileId, copyId } = newIds()
  const order: CopyOrder = { copyId, encoding: file.encoding, sizeBytes: null, sha256: null, requestId }
  let name: FileName | undefined
  const chunks = sent.all(async () => {
    name = await file.finish()
    if (file.encoding === 'base64') sizeOfBase64(sent.readBytes, sent.paddingCount)
  })
  const partKey = randomBytes(16).toString('hex') as PartKey
  const copy = await storeCopy(place.link, order, { kind: 'stream', chunks, partKey }, context)
  const expectedBytes = file.encoding === 'base64' ? sizeOfBase64(sent.readBytes, sent.paddingCount) : sent.readBytes
  const stored = { fileId, link: place.link, copy, partKey }
  registry.count(place.link.id, 1)
  if (name === undefined || copy.sizeBytes !== expectedBytes) {
    removeLater(registry, stored, requestId)
    throw new StoreError('DIGEST_MISMATCH', 'not all bytes arrived at the file-server')
  }
  return { name, stored, head }
}

function newIds(): { fileId: Types.ObjectId; copyId: CopyId } {
  const fileId = new Types.ObjectId()
  return { fileId, copyId: makeCopyId(fileId.toHexString() as FileId, 0, randomDigits.next()) }
}

function recordOf({ fileId, link, copy, partKey }: Stored, name: FileName, contentType: string): FileRecord {
  const { sizeBytes, sha256, slot, copyId, partTags } = copy
  return {
    _id: fileId,
    state: 'live',
    name,
    size: sizeBytes,
    sha256,
    contentType,
    owner: null,
    storageClass: 'single',
    createdAt: new Date(),
    expiresAt: null,
    chunks: [{ size: sizeBytes, sha256, replicas: [{ server: link.id, slot, copyId }] }],
    ...(partKey !== undefined && { partKey, partTags: Buffer.from(partTags) }),
    version: 0,
  }
}

/** Not waited for: where it fails, upkeep finds the orphan. */
function removeLater(registry: FileServerRegistry, { link, copy }: Stored, requestId: string): void {
  deleteCopy(link, { copyId: copy.copyId, slot: copy.slot, requestId }).then(
    (existed) => {
      if (existed) registry.count(link.id, -1)
    },
    () => undefined,
  )
}

function sizeOfBase64(length: number, paddingCount: number): number {
  if (length % 4 !== 0) throw new StoreError('INVALID_REQUEST', 'file is not base64: its length is not a multiple of 4')
  return decodedLength(length, paddingCount)
}

function paddingOf(bytes: Buffer): number {
  if (bytes.at(-1) !== 0x3d) return 0
  return bytes.at(-2) === 0x3d ? 2 : 1
}

function decodeHead(head: Buffer, length: number): Buffer {
  return Buffer.from(head.toString('latin1', 0, Math.ceil(length / 3) * 4), 'base64').subarray(0, length)
}
