import { z } from 'zod'
import { INLINE_MAX_BYTES, INVENTORY_PAGE } from '../limits.ts'
import { HANDSHAKE_TIMEOUT_MS, STREAM_IDLE_TIMEOUT_MS } from './protocol.ts'
import * as shape from './shapes.ts'

/** A row says what goes with a command, what comes back, and how long that may take. */
export interface CommandRow {
  readonly argument: z.ZodType
  readonly ack: z.ZodType
  readonly deadlineMs: number
  /** Grouped commands of one turn of the event loop share a message, and so do their acks (`group.ts`). */
  readonly isGrouped?: true
}

export type CommandTable = Readonly<Record<string, CommandRow>>

export type NameIn<T extends CommandTable> = keyof T & string
export type ArgumentOf<T extends CommandTable, C extends NameIn<T>> = z.input<T[C]['argument']>
export type AckOf<T extends CommandTable, C extends NameIn<T>> = z.output<T[C]['ack']>
/** Carries out the commands of a table. The arguments of a handler have been parsed; its acks are parsed where they arrive. */
export type Handlers<T extends CommandTable> = {
  readonly [C in NameIn<T>]: (argument: z.output<T[C]['argument']>) => Promise<z.input<T[C]['ack']>>
}

const { bytes, copyId, namedCopy } = shape
const nothing = z.object({})
const streamId = shape.hex(16)
/** These commands move a copy between the tree and the quarantine, or out of it. */
const moved = { argument: namedCopy, ack: nothing, deadlineMs: 15_000 }

/**
 * A manager sends these commands to a file-server. Each one but those of the handshake names its copies, and each is safe to
 * deliver twice or late.
 */
export const managerCommands = {
  /** The manager proves that it knows the secret; the ack is the file-server's own proof. */
  challenge: {
    argument: shape.challenge,
    ack: z.object({ proof: z.string(), heartbeat: shape.heartbeat }),
    deadlineMs: HANDSHAKE_TIMEOUT_MS,
  },
  /** Ends the handshake. */
  welcome: { argument: shape.welcome, ack: nothing, deadlineMs: HANDSHAKE_TIMEOUT_MS },

  /**
   * Stores a small copy. A durable write that takes longer than the deadline counts as lost; the file-server may still
   * finish it, and is told to drop it.
   */
  'upload-file': {
    argument: shape.uploadFile.extend({ bytes }),
    /** `workMs` is how much of the ack's delay was the file-server's work, not the link's. */
    ack: z.object({ copy: shape.placedCopy, workMs: z.number().min(0) }),
    deadlineMs: 30_000,
    isGrouped: true,
  },
  /** Opens a stream that stores a large copy; its frames may come after the ack. */
  'open-upload': { argument: shape.openUpload, ack: nothing, deadlineMs: 30_000 },
  /** Carries a frame of an upload, numbered from 0. A repeated one is acknowledged and ignored. */
  'upload-frame': {
    argument: z.strictObject({ copyId, seq: shape.count, bytes }),
    ack: nothing,
    deadlineMs: STREAM_IDLE_TIMEOUT_MS,
  },
  /**
   * Makes the copy durable, and its ack carries the part tags. It may take long, for committing a large copy means syncing
   * all of it, so a caller gives a deadline that allows for the size.
   */
  'upload-end': {
    argument: z.strictObject({ copyId, frameCount: shape.count }),
    ack: z.object({ copy: shape.placedCopy, bytes }),
    deadlineMs: 120_000,
  },

  /** Reads a span that fits into the ack. */
  'download-file': {
    argument: shape.spanOfCopy.extend({ length: shape.count.max(INLINE_MAX_BYTES) }),
    ack: z.object({ bytes }),
    deadlineMs: 10_000,
    isGrouped: true,
  },
  /** Sends a span as stream frames. */
  'open-download': {
    argument: shape.spanOfCopy.extend({
      length: shape.sizeBytes,
      streamId,
      requestId: shape.requestId,
    }),
    ack: nothing,
    deadlineMs: 10_000,
  },
  /** Tells where a copy lies on disk, for a manager on the same machine to read it there. */
  'locate-file': { argument: namedCopy, ack: shape.locatedFile, deadlineMs: 10_000 },

  /** Sends the whole copy as stream frames, for the manager to relay to another file-server. */
  'transfer-file': {
    argument: namedCopy.extend({ streamId }),
    ack: z.object({ sizeBytes: shape.sizeBytes }),
    deadlineMs: 10_000,
  },
  /**
   * Has the file-server fetch a copy from another one's chunk port and store it. A caller gives a deadline that allows for the
   * size.
   */
  'fetch-file': { argument: shape.fetchFile, ack: z.object({ copy: shape.placedCopy }), deadlineMs: 60_000 },
  /**
   * Reads a whole copy from the disk and compares its size and its sha-256. A caller gives a deadline that allows for the size.
   * @throws DIGEST_MISMATCH, COPY_MISMATCH, COPY_NOT_FOUND, DISK_FAILED
   */
  'verify-file': { argument: shape.placedCopy, ack: nothing, deadlineMs: 60_000 },
  /**
   * Removes that one copy, and ends an upload of it, running or yet to come. Where the copy is unknown, or gone already, that
   * is success. `slot` is null where the ack of the upload never came, so that only the file-server may know it.
   */
  'delete-file': {
    argument: z.strictObject({ copyId, slot: shape.slot.nullable(), requestId: shape.requestId }),
    ack: z.object({ existed: z.boolean() }),
    deadlineMs: 15_000,
    isGrouped: true,
  },

  /**
   * Gives a page of the inventory, in slot order, the quarantine after the tree. Loading its leaves may mean listing many
   * directories on a slow disk.
   */
  'list-copies': {
    argument: z.strictObject({ cursor: shape.inventoryCursor, limit: shape.count.min(1).max(INVENTORY_PAGE) }),
    ack: shape.copyPage,
    deadlineMs: 60_000,
  },
  /** Starts (or reads) the clock of copies that no record names. */
  'suspect-copies': {
    argument: z.strictObject({ copies: shape.copyList }),
    ack: z.object({ agesMs: z.array(z.number().min(0)).max(INVENTORY_PAGE).readonly() }),
    deadlineMs: 15_000,
  },
  'quarantine-file': moved,
  /** Puts a quarantined copy back into its slot after verifying its digest. */
  'restore-file': moved,
  /** Removes a copy from the quarantine. */
  'discard-file': moved,
} as const satisfies CommandTable

/** A file-server sends these commands to a manager. */
export const fileServerCommands = {
  heartbeat: { argument: shape.heartbeat, ack: nothing, deadlineMs: 10_000 },
  'stream-frame': {
    argument: z.strictObject({ streamId, seq: shape.count, isLast: z.boolean(), bytes }),
    ack: nothing,
    deadlineMs: STREAM_IDLE_TIMEOUT_MS,
  },
  /**
   * Gives the tags of a copy's parts and their key, which its record has. There is no key where the copy has no tags. Somebody
   * waits for his chunk, which can be verified without them.
   */
  'part-tags': {
    argument: z.strictObject({ copyId }),
    ack: z.object({ partKey: shape.partKey.nullable(), bytes }),
    deadlineMs: 2_000,
  },
  /** Ends a stream early. `error` claims to be a WireError, and is parsed as one where it is used. */
  'stream-error': { argument: z.strictObject({ streamId, error: z.unknown() }), ack: nothing, deadlineMs: 5_000 },
} as const satisfies CommandTable

export type ManagerCommands = typeof managerCommands
export type FileServerCommands = typeof fileServerCommands
