import { z } from 'zod'
import type { ErrorName } from '../errors/error-table.ts'
import { StoreError } from '../errors/store-error.ts'
import { isClusterId, isCopyId, isDigest, isPartKey, isServerId, isSlot } from '../ids.ts'
import { INLINE_MAX_BYTES, INVENTORY_PAGE, LARGEST_FILE_BYTES, MAX_MESSAGE_BYTES } from '../limits.ts'
import type * as wire from './events.ts'

/** Parsers of everything that arrives over the wire: strict, so that a peer's mistake is an error and never a surprise. */
const copyId = z.custom<wire.UploadFile['copyId']>(isCopyId, 'not a copyId')
const digest = z.custom<wire.NamedCopy['sha256']>(isDigest, 'not a sha-256')
const partKey = z.custom<NonNullable<wire.OpenUpload['partKey']>>(isPartKey, 'not a part key')
const slot = z.custom<wire.NamedCopy['slot']>(isSlot, 'not a slot')
const serverId = z.custom<wire.Hello['serverId']>(isServerId, 'not a file-server id')
const clusterId = z.custom<wire.Challenge['clusterId']>(isClusterId, 'not a cluster id')
const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`))
const requestId = z.string().max(100)
const count = z.number().int().min(0)
const sizeBytes = count.max(LARGEST_FILE_BYTES)
const bytes = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array && value.length <= MAX_MESSAGE_BYTES,
  'not bytes',
)
const placedCopy = z.strictObject({ copyId, slot, sizeBytes, sha256: digest })
const storedCopy = placedCopy.extend({ partTags: bytes })
const namedCopy = z.strictObject({ copyId, slot, sha256: digest })
const spanOfCopy = namedCopy.extend({ sizeBytes: sizeBytes.nullable(), offset: sizeBytes })
const uploadFile = z.strictObject({
  copyId,
  encoding: z.enum(['binary', 'base64']),
  sizeBytes: sizeBytes.nullable(),
  sha256: digest.nullable(),
  requestId,
})
const cursor = z.strictObject({ where: z.enum(['tree', 'quarantine']), slot })

const schemas = {
  hello: z.strictObject({
    protocol: z.number(),
    serverId,
    bootId: hex(16),
    nonce: hex(32),
    clusterId: clusterId.nullable(),
    name: z.string().max(100),
    allowsLocalReads: z.boolean(),
  }),
  challenge: z.strictObject({ protocol: z.number(), managerId: hex(16), clusterId, nonce: hex(32), proof: hex(64) }),
  welcome: z.strictObject({
    managers: z.array(z.url({ protocol: /^https?$/ })).max(300),
    isReferral: z.boolean().default(false),
  }),
  heartbeat: z.strictObject({
    fileCount: count,
    sizeBytes: count,
    freeBytes: count,
    totalBytes: count,
    isInventoryDone: z.boolean(),
    isWritable: z.boolean(),
  }),
  uploadFile,
  openUpload: uploadFile.extend({ partKey: partKey.nullable() }),
  uploadFrame: z.strictObject({ copyId, seq: count }),
  uploadEnd: z.strictObject({ copyId, frameCount: count }),
  readFile: spanOfCopy.extend({ length: count.max(INLINE_MAX_BYTES) }),
  downloadFile: spanOfCopy.extend({
    length: sizeBytes,
    streamId: hex(16),
    requestId,
    isRaw: z.boolean(),
  }),
  transferFile: namedCopy.extend({ streamId: hex(16) }),
  deleteFile: z.strictObject({ copyId, slot: slot.nullable(), requestId }),
  listCopies: z.strictObject({ cursor, limit: count.min(1).max(INVENTORY_PAGE) }),
  suspectCopies: z.strictObject({ copies: z.array(namedCopy).max(INVENTORY_PAGE) }),
  namedCopy,
  streamFrame: z.strictObject({ streamId: hex(16), seq: count, isLast: z.boolean() }),
  streamError: z.strictObject({ streamId: hex(16), error: z.unknown() }),
  dataPortAck: z.object({
    host: z.union([z.ipv4(), z.ipv6()]),
    port: count.min(1).max(65_535),
    key: hex(64),
    answer: hex(64),
  }),
  locateAck: z.object({
    path: z.string().startsWith('/').max(4_096),
    device: z.string().regex(/^-?\d{1,20}$/),
    inode: z.string().regex(/^-?\d{1,20}$/),
  }),
  uploadAck: z.object({ copy: placedCopy, workMs: z.number().min(0) }),
  uploadEndAck: z.object({ copy: storedCopy }),
  transferAck: z.object({ sizeBytes }),
  deleteAck: z.object({ existed: z.boolean() }),
  suspectAck: z.object({ agesMs: z.array(z.number().min(0)).max(INVENTORY_PAGE) }),
  copyPage: z.object({
    copies: z.array(namedCopy).max(INVENTORY_PAGE),
    where: z.enum(['tree', 'quarantine']),
    next: cursor.nullable(),
  }),
}

export const wireSchemas: {
  readonly hello: z.ZodType<wire.Hello>
  readonly challenge: z.ZodType<wire.Challenge>
  readonly welcome: z.ZodType<wire.Welcome>
  readonly heartbeat: z.ZodType<wire.Heartbeat>
  readonly uploadFile: z.ZodType<wire.UploadFile>
  readonly openUpload: z.ZodType<wire.OpenUpload>
  readonly uploadFrame: z.ZodType<wire.UploadFrame>
  readonly uploadEnd: z.ZodType<wire.UploadEnd>
  readonly readFile: z.ZodType<wire.ReadFile>
  readonly downloadFile: z.ZodType<wire.DownloadFile>
  readonly transferFile: z.ZodType<wire.TransferFile>
  readonly deleteFile: z.ZodType<wire.DeleteFile>
  readonly listCopies: z.ZodType<wire.ListCopies>
  readonly suspectCopies: z.ZodType<wire.SuspectCopies>
  readonly namedCopy: z.ZodType<wire.NamedCopy>
  readonly streamFrame: z.ZodType<wire.StreamFrame>
  readonly streamError: z.ZodType<{ streamId: string; error: unknown }>
  readonly dataPortAck: z.ZodType<wire.DataPortAck>
  readonly locateAck: z.ZodType<wire.LocatedFile>
  readonly uploadAck: z.ZodType<wire.UploadAck>
  readonly uploadEndAck: z.ZodType<{ copy: wire.StoredCopy }>
  readonly transferAck: z.ZodType<{ sizeBytes: number }>
  readonly deleteAck: z.ZodType<{ existed: boolean }>
  readonly suspectAck: z.ZodType<{ agesMs: number[] }>
  readonly copyPage: z.ZodType<wire.CopyPage>
} = schemas

/** @throws StoreError INVALID_REQUEST with what is wrong and where. */
export function parseWire<T>(schema: z.ZodType<T>, value: unknown): T {
  return parse(schema, value, 'INVALID_REQUEST')
}

/** What is wrong in an ack is the other side's fault, not that of whoever asked for the command. @throws StoreError BAD_ANSWER */
export function parseAck<T>(schema: z.ZodType<T>, value: unknown): T {
  return parse(schema, value, 'BAD_ANSWER')
}

function parse<T>(schema: z.ZodType<T>, value: unknown, errorName: ErrorName): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new StoreError(errorName, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'malformed'}`.slice(0, 300))
}
