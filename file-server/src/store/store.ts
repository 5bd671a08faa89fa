import type { ClusterId, CopyId, Digest, PartKey, ServerId, Slot } from '@holdfast/shared/ids'
import type {
  CopyPage,
  Heartbeat,
  InventoryCursor,
  LocatedFile,
  NamedCopy,
  StoredCopy,
} from '@holdfast/shared/wire/shapes'

/** The link carries its commands out on a store, which is a data directory in use. Errors are StoreErrors. */
export interface Store {
  readonly serverId: ServerId
  /** It is null until the directory has joined a cluster. */
  readonly clusterId: ClusterId | null
  /** Writes the cluster into the directory's identity. @throws WRONG_CLUSTER where it belongs to another. */
  joinCluster(clusterId: ClusterId): Promise<void>
  status(): Heartbeat

  /**
   * Takes a slot and opens a new copy in it. @param sizeBytes what is expected, or null. @param partKey for tags of its parts
   * @throws DISK_FULL where the room is missing, DISK_FAILED after an fsync that failed.
   */
  createCopy(copyId: CopyId, sizeBytes: number | null, partKey?: PartKey | null): Promise<CopyWriter>
  /**
   * Stores a whole copy that is in memory: by the journal where it is small enough for it, else as `createCopy` does. The
   * bytes are lent until then. @param sha256 what they must hash to, or null. @throws as a CopyWriter
   */
  storeCopy(copyId: CopyId, bytes: Uint8Array, sha256: Digest | null): Promise<StoredCopy>
  /** @returns some copy with that digest, or null. @throws FILE_UNAVAILABLE where none is known before the inventory is done */
  findCopy(sha256: Digest): Promise<NamedCopy | null>
  /** @throws COPY_NOT_FOUND, or COPY_MISMATCH where the slot holds another copy or digest. */
  openCopy(copy: NamedCopy): Promise<CopyReader>
  /** Tells where a copy lies, for somebody else on this machine to read. @throws as `openCopy` */
  locateCopy(copy: NamedCopy): Promise<LocatedFile>
  /**
   * Gives a small download what it needs, without a reader kept open. @returns exactly `length` bytes from `offset`, at most
   * INLINE_MAX_BYTES. @throws as `openCopy`; COPY_NOT_FOUND also where the copy is shorter, COPY_MISMATCH where the span is
   * its end by the `sizeBytes` that it should have, and there is more.
   */
  readCopy(copy: NamedCopy, span: CopySpan): Promise<Buffer>
  /** @returns whether that very copy was there. Another copy in the slot is left alone. */
  deleteCopy(copyId: CopyId, slot: Slot): Promise<boolean>
  listCopies(cursor: InventoryCursor, limit: number): Promise<CopyPage>

  quarantineCopy(copy: NamedCopy): Promise<void>
  /** Verifies the digest, then puts the copy back into its slot. @throws DIGEST_MISMATCH, COPY_MISMATCH (slot taken) */
  restoreCopy(copy: NamedCopy): Promise<void>
  discardCopy(copy: NamedCopy): Promise<void>

  /** Rejects when the directory is lost to another process. */
  readonly failed: Promise<never>
  close(): Promise<void>
}

export interface CopySpan {
  /** This is the size of the whole copy, or null where it is not known. */
  readonly sizeBytes: number | null
  readonly offset: number
  readonly length: number
}

/** Hashes what it writes. Ends with `commit` or `abort`; disposal aborts what was not committed. */
export interface CopyWriter extends AsyncDisposable {
  /** The bytes are lent until this ends; only then the next may come. */
  write(bytes: Uint8Array): Promise<void>
  /** Makes the copy durable under its name. @param sha256 what it must hash to, or null. @throws DIGEST_MISMATCH */
  commit(sha256: Digest | null): Promise<StoredCopy>
  abort(): Promise<void>
}

export interface CopyReader extends AsyncDisposable {
  readonly sizeBytes: number
  /** Fills `bytes` with what stands at `offset`. @throws COPY_NOT_FOUND where the file is shorter. */
  read(offset: number, bytes: Buffer): Promise<void>
}
