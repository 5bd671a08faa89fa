import type { WireError, WireResult } from '../errors/store-error.ts'
import type { ClusterId, CopyId, Digest, PartKey, ServerId, Slot } from '../ids.ts'

/**
 * Everything that travels between a manager and a file-server. Every command is acknowledged, has a deadline,
 * names its copyId, and is safe to deliver twice or late.
 */
export interface ManagerToFileServerEvents {
  /** The manager proves that it knows the secret; the ack is the file-server's own proof. */
  challenge: (challenge: Challenge, ack: Ack<ChallengeAnswer>) => void
  /** The handshake is done; `managers` are the addresses of all managers, to dial them too. */
  welcome: (welcome: Welcome, ack: Ack<object>) => void

  /**
   * Commands on small bodies, several in one message (`group.ts`), each `[id, command, argument]` with its bytes:
   * `upload-file` (UploadFile with the whole body; UploadAck), `download-file` (ReadFile; an ack with
   * the bytes), `delete-file` (DeleteFile; DeleteAck): removes that one copy, ends an upload of it, running or yet to come;
   * unknown, or not there any more, is success.
   */
  commands: (group: Uint8Array) => void

  /** Opens a stream that stores a new copy; its frames may come after the ack. */
  'upload-file': (command: OpenUpload, ack: Ack<object>) => void
  'upload-frame': (frame: UploadFrame, bytes: Uint8Array, ack: Ack<object>) => void
  'upload-end': (end: UploadEnd, ack: Ack<{ readonly copy: StoredCopy }>) => void

  /** How to dial this file-server for the bytes of large downloads. */
  'open-data-port': (ack: Ack<DataPortAck | { readonly port: null }>) => void
  /** Bytes `offset` to `offset + length` of a copy, as stream frames, or on the data connection. */
  'download-file': (command: DownloadFile, ack: Ack<object>) => void
  /** Where a copy lies on disk, for a manager on the same machine to read it there. */
  'locate-file': (command: NamedCopy, ack: Ack<LocatedFile>) => void
  /** The whole copy as stream frames, for the manager to relay to another file-server. */
  'transfer-file': (command: TransferFile, ack: Ack<{ readonly sizeBytes: number }>) => void
  /** A page of the inventory, in slot order, the quarantine after the tree. */
  'list-copies': (command: ListCopies, ack: Ack<CopyPage>) => void
  /** Starts (or reads) the clock of copies that no record names. */
  'suspect-copies': (command: SuspectCopies, ack: Ack<{ readonly agesMs: readonly number[] }>) => void
  'quarantine-file': (command: NamedCopy, ack: Ack<object>) => void
  /** Puts a quarantined copy back into its slot after verifying its digest. */
  'restore-file': (command: NamedCopy, ack: Ack<object>) => void
  /** Removes a copy from the quarantine. */
  'discard-file': (command: NamedCopy, ack: Ack<object>) => void
}

export interface FileServerToManagerEvents {
  /** The acks of `commands` that became ready together, each `[id, error or null, result]` with its bytes. */
  acks: (group: Uint8Array) => void
  heartbeat: (heartbeat: Heartbeat) => void
  'stream-frame': (frame: StreamFrame, bytes: Uint8Array, ack: Ack<object>) => void
  'stream-error': (failure: { readonly streamId: string; readonly error: WireError }, ack: Ack<object>) => void
}

/** The commands that travel in groups. */
export type GroupedCommand = 'upload-file' | 'download-file' | 'delete-file'

export type Ack<T> = (result: WireResult<T>) => void

/** What a file-server says of itself when it dials, in Socket.IO's `auth`. Nothing in it is trusted until the proof. */
export interface Hello {
  readonly protocol: number
  readonly serverId: ServerId
  /** 16 hex digits, new with every start of the process. */
  readonly bootId: string
  /** 32 hex digits. */
  readonly nonce: string
  /** The cluster its data directory belongs to, or null for a new directory. */
  readonly clusterId: ClusterId | null
  /** For people: `2`, or a host's name. */
  readonly name: string
  /** A manager on the same machine may read large copies from its disk. */
  readonly allowsLocalReads: boolean
}

export interface Challenge {
  readonly protocol: number
  readonly managerId: string
  readonly clusterId: ClusterId
  readonly nonce: string
  readonly proof: string
}

export interface ChallengeAnswer {
  readonly proof: string
  readonly heartbeat: Heartbeat
}

export interface Welcome {
  readonly managers: readonly string[]
  /** Several managers share this address: it only tells theirs, and the connection ends. */
  readonly isReferral: boolean
}

export interface Heartbeat {
  /** Copies and bytes in the tree. A lower bound until the inventory is done. */
  readonly fileCount: number
  readonly sizeBytes: number
  readonly freeBytes: number
  readonly totalBytes: number
  readonly isInventoryDone: boolean
  /** Nearly full, or its disk failed: takes no more copies, still serves and deletes. */
  readonly isWritable: boolean
}

/** How the bytes of an upload travel: as they are, or as base64 text cut at multiples of 4. */
export type Encoding = 'binary' | 'base64'

export interface UploadFile {
  readonly copyId: CopyId
  readonly encoding: Encoding
  /** Expected bytes after decoding where they are known: the room for them is checked before anything is written. */
  readonly sizeBytes: number | null
  /** What the copy must hash to where it is known (a transfer). */
  readonly sha256: Digest | null
  readonly requestId: string
}

/** A copy that comes in frames. */
export interface OpenUpload extends UploadFile {
  /** For tags of its parts; null where its record has them (a transfer). */
  readonly partKey: PartKey | null
}

export interface UploadAck {
  readonly copy: Omit<StoredCopy, 'partTags'>
  /** The part of the ack's delay that was the file-server's work, not the link's. */
  readonly workMs: number
}

export interface UploadFrame {
  readonly copyId: CopyId
  /** 0, 1, 2, … A repeated one is acknowledged and ignored. */
  readonly seq: number
}

export interface UploadEnd {
  readonly copyId: CopyId
  readonly frameCount: number
}

export interface StoredCopy {
  readonly copyId: CopyId
  readonly slot: Slot
  readonly sizeBytes: number
  readonly sha256: Digest
  /** Of each 4 MiB part, 16 bytes each, in order (`part-digest.ts`); none without a `partKey`. */
  readonly partTags: Uint8Array
}

export interface NamedCopy {
  readonly copyId: CopyId
  readonly slot: Slot
  readonly sha256: Digest
}

/** A span that fits into an ack. */
export interface ReadFile extends NamedCopy {
  /** Of the copy, by its record: one of another size is refused. null where it is not known. */
  readonly sizeBytes: number | null
  readonly offset: number
  readonly length: number
}

export interface DownloadFile extends ReadFile {
  /** 16 hex digits. */
  readonly streamId: string
  readonly requestId: string
  /** By the data connection (`data-frame.ts`), which the manager has dialled. */
  readonly isRaw: boolean
}

export interface DataPortAck {
  /** The address that it listens on; 0.0.0.0 or :: are all of the machine's. */
  readonly host: string
  readonly port: number
  /** What the manager has to say first, within seconds, and what it is answered: 64 hex digits, for one connection. */
  readonly key: string
  readonly answer: string
}

export interface LocatedFile {
  /** Absolute, as the file-server sees it. */
  readonly path: string
  /** What the file there is, whatever else may have that path for somebody in another container. Decimal; Node reads 64 bits as signed. */
  readonly device: string
  readonly inode: string
}

export interface TransferFile extends NamedCopy {
  readonly streamId: string
}

export interface StreamFrame {
  readonly streamId: string
  readonly seq: number
  readonly isLast: boolean
}

export interface DeleteFile {
  readonly copyId: CopyId
  /** null: the ack of the upload never came, so only the file-server may know the slot. */
  readonly slot: Slot | null
  readonly requestId: string
}

export interface ListCopies {
  readonly cursor: InventoryCursor
  readonly limit: number
}

export interface InventoryCursor {
  readonly where: 'tree' | 'quarantine'
  readonly slot: Slot
}

export interface CopyPage {
  readonly copies: readonly NamedCopy[]
  readonly where: 'tree' | 'quarantine'
  readonly next: InventoryCursor | null
}

export interface SuspectCopies {
  readonly copies: readonly NamedCopy[]
}
