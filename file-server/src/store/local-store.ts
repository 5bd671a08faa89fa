import { StoreError } from '@holdfast/shared/errors/store-error'
import type { ClusterId, CopyId, Digest, PartKey, ServerId, Slot } from '@holdfast/shared/ids'
import type { DirectoryLock } from '@holdfast/shared/node/directory-lock'
import type { CopyPage, Heartbeat, InventoryCursor, NamedCopy, StoredCopy } from '@holdfast/shared/wire/shapes'
import type { DiskCalls } from './disk/disk-calls.ts'
import type { DiskHealth } from './disk/disk-health.ts'
import type { Room } from './disk/room.ts'
import type { Identity } from './identity.ts'
import type { Journal } from './journal/journal.ts'
import type { CopyReader, CopySpan, CopyWriter, Store } from './store.ts'
import { locateFile, openReader, readFileSpan } from './tree/copy-reader.ts'
import type { CopyTree } from './tree/copy-tree.ts'
import type { Leaf } from './tree/slot.ts'
import { WorkUnderWay } from './work-under-way.ts'

interface LocalStoreDeps {
  readonly identity: Identity
  readonly lock: DirectoryLock
  readonly tree: CopyTree
  readonly room: Room
  readonly health: DiskHealth
  readonly disk: DiskCalls
  /** It is null where every copy is synced by itself. */
  readonly journal: Journal | null
}

/** This is the store on this machine's disk: it lets commands in until it is closed, and translates the disk's errors. */
export class LocalStore implements Store {
  readonly #deps: LocalStoreDeps
  readonly failed: Promise<never>
  readonly #working = new WorkUnderWay()
  readonly #stop = new AbortController()
  #isInventoryDone = false

  constructor(deps: LocalStoreDeps) {
    this.#deps = deps
    const { journal, lock } = deps
    this.failed = Promise.race(journal === null ? [lock.lost] : [lock.lost, journal.failed])
    // A failure that nobody listens for must not end the process as unhandled.
    this.failed.catch(() => undefined)
  }

  get serverId(): ServerId {
    return this.#deps.identity.serverId
  }

  get clusterId(): ClusterId | null {
    return this.#deps.identity.clusterId
  }

  /** @param end the highest leaf of earlier runs. */
  startInventory(end: Leaf): void {
    const { tree, health } = this.#deps
    const inventory = tree.takeInventory(end, this.#stop.signal).then(
      (isComplete) => {
        this.#isInventoryDone = isComplete
      },
      (error) => health.report(error),
    )
    this.#working.track(inventory)
  }

  async joinCluster(clusterId: ClusterId): Promise<void> {
    await this.#run(() => this.#deps.identity.join(clusterId))
  }

  status(): Heartbeat {
    const { tree, room, health } = this.#deps
    this.#working.track(room.refresh().catch((error) => health.report(error)))
    return {
      copyCount: tree.copyCount,
      sizeBytes: tree.sizeBytes,
      freeBytes: room.freeBytes,
      totalBytes: room.totalBytes,
      isInventoryDone: this.#isInventoryDone,
      isWritable: !room.isNearlyFull && !health.isSuspect && !this.#stop.signal.aborted,
    }
  }

  createCopy(copyId: CopyId, sizeBytes: number | null, partKey: PartKey | null = null): Promise<CopyWriter> {
    return this.#run(() => this.#deps.tree.openWriter(copyId, sizeBytes, partKey))
  }

  async storeCopy(copyId: CopyId, bytes: Uint8Array, sha256: Digest | null): Promise<StoredCopy> {
    const { tree } = this.#deps
    if (tree.isSmall(bytes.length)) return this.#run(() => tree.storeSmall(copyId, bytes, sha256))
    await using writer = await this.createCopy(copyId, bytes.length)
    if (bytes.length > 0) await writer.write(bytes)
    return await writer.commit(sha256)
  }

  findCopy(sha256: Digest): Promise<NamedCopy | null> {
    return this.#read({ sha256 }, async () => {
      const found = await this.#deps.tree.findByDigest(sha256)
      if (found === null && !this.#isInventoryDone)
        throw new StoreError('FILE_UNAVAILABLE', 'the inventory is not done, so the copy may be there all the same')
      return found
    })
  }

  openCopy(copy: NamedCopy): Promise<CopyReader> {
    return this.#read(copy, () => this.#deps.tree.find(copy, openReader))
  }

  locateCopy(copy: NamedCopy): ReturnType<Store['locateCopy']> {
    return this.#read(copy, () => this.#deps.tree.find(copy, locateFile))
  }

  readCopy(copy: NamedCopy, { sizeBytes, offset, length }: CopySpan): Promise<Buffer> {
    const { tree, disk } = this.#deps
    // A byte behind the end costs nothing to ask for, and tells whether there is one.
    const askedBytes = offset + length === sizeBytes ? length + 1 : length
    return this.#read(copy, async () => {
      const bytes = await tree.find(copy, (path) => readFileSpan(disk, path, offset, askedBytes))
      if (bytes.length < length) throw new StoreError('COPY_NOT_FOUND', 'the copy is shorter than asked for')
      if (bytes.length > length) throw new StoreError('COPY_MISMATCH', 'the copy is longer than its record says')
      return bytes
    })
  }

  deleteCopy(copyId: CopyId, slot: Slot): Promise<boolean> {
    return this.#run(() => this.#deps.tree.remove(copyId, slot))
  }

  listCopies(cursor: InventoryCursor, limit: number): Promise<CopyPage> {
    return this.#read({ cursor }, () => this.#deps.tree.list(cursor, limit))
  }

  quarantineCopy(copy: NamedCopy): Promise<void> {
    return this.#run(() => this.#deps.tree.quarantine(copy))
  }

  restoreCopy(copy: NamedCopy): Promise<void> {
    return this.#run(() => this.#deps.tree.restore(copy))
  }

  discardCopy(copy: NamedCopy): Promise<void> {
    return this.#run(() => this.#deps.tree.discard(copy))
  }

  /** Gives up the copies that are being written, lets the rest end, and leaves the directory to others. */
  async close(): Promise<void> {
    const { tree, journal, lock } = this.#deps
    this.#stop.abort()
    while (this.#working.count > 0 || tree.writers.size > 0) {
      await this.#working.settled()
      await Promise.all([...tree.writers].map((writer) => writer.abort()))
    }
    try {
      await journal?.close()
    } finally {
      await lock.release()
    }
  }

  /** Runs a command: none begins after `close`, and none is cut off by it. @param translate makes a StoreError of what is thrown */
  async #run<T>(
    work: () => Promise<T>,
    translate: (error: unknown) => StoreError = (error) => this.#deps.health.report(error),
  ): Promise<T> {
    if (this.#stop.signal.aborted) throw new StoreError('CANCELLED', 'the store is closed')
    return this.#working.track(
      work().catch((error) => {
        throw translate(error)
      }),
    )
  }

  /** @param of what is read, for the log */
  #read<T>(of: object, work: () => Promise<T>): Promise<T> {
    return this.#run(work, (error) => this.#deps.health.reportRead(error, of))
  }
}
