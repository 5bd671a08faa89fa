import { z } from 'zod'
import {
  type ClusterId,
  type CopyId,
  type Digest,
  isClusterId,
  isCopyId,
  isDigest,
  isPartKey,
  isServerId,
  isSlot,
  type PartKey,
  type ServerId,
  type Slot,
} from '../ids.ts'
import { INVENTORY_PAGE, LARGEST_CHUNK_BYTES, MAX_MESSAGE_BYTES, MAX_ZONE_LENGTH } from '../limits.ts'

/**
 * Commands and their acks are made of these shapes, each a parser from which its type is derived. Arguments refuse a field
 * that they do not know, so that a peer's mistake is an error and never a surprise.
 */
export const copyId = z.custom<CopyId>(isCopyId, 'not a copyId')
const digest = z.custom<Digest>(isDigest, 'not a sha-256')
export const partKey = z.custom<PartKey>(isPartKey, 'not a part key')
export const slot = z.custom<Slot>(isSlot, 'not a slot')
const clusterId = z.custom<ClusterId>(isClusterId, 'not a cluster id')
export const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`))
export const requestId = z.string().max(100)
export const count = z.number().int().min(0)
export const sizeBytes = count.max(LARGEST_CHUNK_BYTES)
/** The field `bytes` of a message travels as bytes; every other one as JSON. */
export const bytes = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array && value.length <= MAX_MESSAGE_BYTES,
  'not bytes',
)

/** A file-server says this of itself when it dials, in Socket.IO's `auth`. Nothing in it is trusted until the proof. */
export const hello = z.strictObject({
  protocol: z.number(),
  serverId: z.custom<ServerId>(isServerId, 'not a file-server id'),
  /** Every start of the process makes a new one. */
  bootId: hex(16),
  nonce: hex(32),
  /** Its data directory belongs to this cluster, or to none yet. */
  clusterId: clusterId.nullable(),
  /** People know it by this: `2`, or a host's name. */
  name: z.string().max(100),
  /** What has the same zone fails together, and has one replica of a chunk at most while there are enough zones. */
  zone: z.string().min(1).max(MAX_ZONE_LENGTH),
  /** Tells whether a manager on the same machine may read large copies from its disk. */
  allowsLocalReads: z.boolean(),
  /** Other file-servers, and clients with a ticket, reach its chunk port here, if they do. */
  chunkUrl: z.url({ protocol: /^https?$/ }).max(300),
})
export type Hello = Readonly<z.infer<typeof hello>>

export const challenge = z.strictObject({
  protocol: z.number(),
  managerId: hex(16),
  clusterId,
  nonce: hex(32),
  proof: hex(64),
})
export type Challenge = Readonly<z.infer<typeof challenge>>

export const welcome = z.strictObject({
  /** All managers can be reached here, and the file-server dials each of them. */
  managers: z
    .array(z.url({ protocol: /^https?$/ }))
    .max(300)
    .readonly(),
  /**
   * Tells whether several managers share the address that was dialled: then the welcome only says where each of them is,
   * and the connection ends.
   */
  isReferral: z.boolean().default(false),
})
export type Welcome = Readonly<z.infer<typeof welcome>>

export const heartbeat = z.strictObject({
  /** Counts copies in the tree; it and `sizeBytes` are lower bounds until the inventory is done. */
  copyCount: count,
  sizeBytes: count,
  freeBytes: count,
  totalBytes: count,
  isInventoryDone: z.boolean(),
  /**
   * It is false where the disk is nearly full or failed: the file-server then takes no more copies, and still serves and
   * deletes.
   */
  isWritable: z.boolean(),
})
export type Heartbeat = Readonly<z.infer<typeof heartbeat>>

/** The bytes of an upload travel as they are, or as base64 text cut at multiples of 4. */
const encoding = z.enum(['binary', 'base64'])
export type Encoding = z.infer<typeof encoding>

export const uploadFile = z.strictObject({
  copyId,
  encoding,
  /** Counts the bytes after decoding, where that is known: the free space for them is checked before anything is written. */
  sizeBytes: sizeBytes.nullable(),
  /** A transfer knows what the copy must hash to. */
  sha256: digest.nullable(),
  requestId,
})
export type UploadFile = Readonly<z.infer<typeof uploadFile>>

export const fetchFile = uploadFile.omit({ encoding: true }).extend({
  sizeBytes,
  sha256: digest,
  /** It leads to the other file-server's chunk port, path and query included. */
  url: z.url({ protocol: /^https?$/ }).max(2_000),
  /** Allows that very request. */
  ticket: z.string().max(200),
})

export const openUpload = uploadFile.extend({
  /** The tags of the copy's parts are made with this key. A transfer has none, for the record has the tags already. */
  partKey: partKey.nullable(),
})
export type OpenUpload = Readonly<z.infer<typeof openUpload>>

export const namedCopy = z.strictObject({ copyId, slot, sha256: digest })
export type NamedCopy = Readonly<z.infer<typeof namedCopy>>

export const placedCopy = namedCopy.extend({ sizeBytes })

export interface StoredCopy extends Readonly<z.infer<typeof placedCopy>> {
  /** Holds the tag of each part, 16 bytes each, in order (`part-digest.ts`). It is empty without a `partKey`. */
  readonly partTags: Uint8Array
}

export const spanOfCopy = namedCopy.extend({
  /**
   * The record says that the copy has this size, and one of another size is refused. It is null where the asker does not know
   * it.
   */
  sizeBytes: sizeBytes.nullable(),
  offset: sizeBytes,
})

const place = z.enum(['tree', 'quarantine'])
export const inventoryCursor = z.strictObject({ where: place, slot })
export type InventoryCursor = Readonly<z.infer<typeof inventoryCursor>>

export const copyList = z.array(namedCopy).max(INVENTORY_PAGE).readonly()
export const copyPage = z.object({ copies: copyList, where: place, next: inventoryCursor.nullable() })
export type CopyPage = Readonly<z.infer<typeof copyPage>>

export const locatedFile = z.object({
  /** The path is absolute, and is the file-server's own view of it. */
  path: z.string().startsWith('/').max(4_096),
  /**
   * Device and inode identify the file, for in another container something else may have that path. They are decimal; Node
   * reads 64 bits as signed.
   */
  device: z.string().regex(/^-?\d{1,20}$/),
  inode: z.string().regex(/^-?\d{1,20}$/),
})
export type LocatedFile = Readonly<z.infer<typeof locatedFile>>
