import { StoreError } from '@holdfast/shared/errors/store-error'
import type { ClusterId, CopyId, Digest, PartKey, ServerId, Slot } from '@holdfast/shared/ids'
import type { DirectoryLock } from '@holdfast/shared/node/directory-lock'
import { failpoint } from '@holdfast/shared/node/failpoint'
import type { Logger } from '@holdfast/shared/node/logger'
import type { CopyPage, Heartbeat, InventoryCursor, NamedCopy, StoredCopy } from '@holdfast/shared/wire/events'
import type { DiskCalls } from './disk/disk-calls.ts'
import type { DiskHealth } from './disk/disk-health.ts'
import type { DurableWrite } from './disk/durable-write.ts'
import type { Room } from './disk/room.ts'
import type { Identity } from './identity.ts'
import type { Journal } from './journal/journal.ts'
import type { Quarantine } from './quarantine/quarantine.ts'
import type { CopyReader, CopySpan, CopyWriter, Store } from './store.ts'
import { locateFile, openReader, readFileSpan } from './tree/copy-reader.ts'
import type { CopyTree } from './tree/leaves.ts'
import { SlotWriter } from './tree/copy-writer.ts'
import { listTree, takeInventory } from './tree/inventory.ts'
import { JournaledCopies } from './tree/slot-changes.ts'
import { lookAt } from './tree/leaf-entries.ts'
import { findCopy, QuarantineCommands } from './tree/copy-tree.ts'
import { copyPath, type Leaf } from './tree/slot.ts'
import { WorkUnderWay } from './work-under-way.ts'

interface Parts {
  readonly identity: Identity
  readonly lock: DirectoryLock
  readonly tree: CopyTree
  readonly quarantine: Quarantine
  readonly room: Room
  readonly health: DiskHealth
  readonly disk: DiskCalls
  readonly durable: DurableWrite
  /** null where every copy is synced by itself. */
  readonly journal: Journal | null
  readonly log: Logger
}

/** The store on this machine's disk. */
export class LocalStore implements Store {
  readonly #parts: Parts
  readonly failed: Promise<never>
  readonly #moves: QuarantineCommands
  readonly #small: JournaledCopies | null
  /** null while the writer is being made. */
  readonly #writers = new Map<CopyId, SlotWriter | null>()
  readonly #working = new WorkUnderWay()
  readonly #stop = new AbortController()
  #isInventoryDone = false

  constructor(parts: Parts) {
    this.#parts = parts
    const { journal, lock } = parts
    this.#moves = new QuarantineCommands(parts)
    this.#small = journal === null ? null : new JournaledCopies({ ...parts, journal })
    this.failed = Promise.race(journal === null ? [lock.lost] : [lock.lost, journal.failed])
    // Who cares listens; a failure that nobody listens for must not end the process as unhandled.
    this.failed.catch(() => undefined)
  }

  get serverId(): ServerId {
    return this.#parts.identity.serverId
  }

  get clusterId(): ClusterId | null {
    return this.#parts.identity.clusterId
  }

  /** @param end the highest leaf of earlier runs. */
  startInventory(end: Leaf): void {
    const { tree, log, health } = this.#parts
    const inventory = takeInventory({ tree, end, log, signal: this.#stop.signal }).then(
      (isComplete) => {
        this.#isInventoryDone = isComplete
      },
      (error) => health.report(error),
    )
    this.#working.track(inventory)
  }

  async joinCluster(clusterId: ClusterId): Promise<void> {
    await this.#run(() => this.#parts.identity.join(clusterId))
  }

  status(): Heartbeat {
    const { tree, room, health } = this.#parts
    this.#working.track(room.refresh().catch((error) => health.report(error)))
    return {
      fileCount: tree.fileCount,
      sizeBytes: tree.sizeBytes,
      freeBytes: room.freeBytes,
      totalBytes: room.totalBytes,
      isInventoryDone: this.#isInventoryDone,
      isWritable: !room.isNearlyFull && !health.isSuspect && !this.#stop.signal.aborted,
    }
  }

  createCopy(copyId: CopyId, sizeBytes: number | null, partKey: PartKey | null = null): Promise<CopyWriter> {
    return this.#run(async () => {
      this.#requireNew(copyId)
      this.#writers.set(copyId, null)
      try {
        const writer = await this.#openWriter(copyId, sizeBytes, partKey)
        this.#writers.set(copyId, writer)
        return writer
      } catch (error) {
        this.#writers.delete(copyId)
        throw error
      }
    })
  }

  openCopy(copy: NamedCopy): Promise<CopyReader> {
    return this.#run(() => findCopy(this.#parts.tree, copy, openReader))
  }

  locateCopy(copy: NamedCopy): ReturnType<Store['locateCopy']> {
    return this.#run(() => findCopy(this.#parts.tree, copy, locateFile))
  }

  async storeCopy(copyId: CopyId, bytes: Uint8Array, sha256: Digest | null): Promise<StoredCopy> {
    const small = this.#small
    if (small !== null && this.#parts.journal?.takes(bytes.length) === true) {
      return this.#run(async () => {
        this.#requireNew(copyId)
        return small.store(copyId, bytes, sha256)
      })
    }
    await using writer = await this.createCopy(copyId, bytes.length)
    if (bytes.length > 0) await writer.write(bytes)
    return await writer.commit(sha256)
  }

  readCopy(copy: NamedCopy, { sizeBytes, offset, length }: CopySpan): Promise<Buffer> {
    // A byte behind the end costs nothing to ask for, and tells whether there is one.
    const askedBytes = offset + length === sizeBytes ? length + 1 : length
    return this.#run(async () => {
      const bytes = await findCopy(this.#parts.tree, copy, (path) => readFileSpan(path, offset, askedBytes))
      if (bytes.length < length) throw new StoreError('COPY_NOT_FOUND', 'the copy is shorter than asked for')
      if (bytes.length > length) throw new StoreError('COPY_MISMATCH', 'the copy is longer than its record says')
      return bytes
    })
  }

  /**
   * No fsync before the answer: a copy that a power cut brings back is found by the next reconcile. But a replay must not
   * bring it back, so where the journal knows of it, it learns of the end too.
   */
  deleteCopy(copyId: CopyId, slot: Slot): Promise<boolean> {
    const { tree, journal, disk } = this.#parts
    return this.#run(async () => {
      let noted: Promise<void> | undefined
      const existed = await tree.change(slot, async () => {
        const found = await tree.findIn(slot)
        if (found?.copyId !== copyId) return false
        if (journal?.mentions(slot)) journal.requireRoom()
        const path = tree.pathTo(copyPath(found))
        const sizeBytes = (await lookAt(path))?.size ?? 0
        await failpoint?.('file-server.before-unlink')
        tree.slots.leaving.add(slot)
        try {
          await disk.unlink(path)
        } catch (error) {
          tree.slots.leaving.delete(slot)
          throw error
        }
        await failpoint?.('file-server.after-unlink')
        if (journal?.mentions(slot)) noted = journal.note('gone', found)
        tree.count(-1, sizeBytes)
        return true
      })
      // One that comes twice waits for what the first one noted.
      await (noted ?? journal?.notesSynced())
      if (existed !== true) return false
      // Not before: a replay that knows nothing of the end would put the copy beside what came into its slot.
      tree.slots.leaving.delete(slot)
      await tree.slots.vacate(slot)
      return true
    })
  }

  listCopies(cursor: InventoryCursor, limit: number): Promise<CopyPage> {
    const { tree, quarantine } = this.#parts
    return this.#run(async () =>
      cursor.where === 'tree' ? listTree(tree, cursor.slot, limit) : quarantine.list(cursor.slot, limit),
    )
  }

  quarantineCopy(copy: NamedCopy): Promise<void> {
    return this.#run(() => this.#moves.quarantine(copy))
  }

  restoreCopy(copy: NamedCopy): Promise<void> {
    return this.#run(() => this.#moves.restore(copy))
  }

  discardCopy(copy: NamedCopy): Promise<void> {
    return this.#run(() => this.#moves.discard(copy))
  }

  /** Gives up the copies that are being written, lets the rest end, and leaves the directory to others. */
  async close(): Promise<void> {
    this.#stop.abort()
    while (this.#working.count > 0 || this.#writers.size > 0) {
      await this.#working.settled()
      await Promise.all([...this.#writers.values()].map((writer) => writer?.abort()))
    }
    try {
      await this.#parts.journal?.close()
    } finally {
      await this.#parts.lock.release()
    }
  }

  #requireNew(copyId: CopyId): void {
    this.#parts.health.requireTrusted()
    if (this.#writers.has(copyId) || this.#parts.tree.underWay.has(copyId))
      throw new StoreError('INTERNAL', 'this copy is being written already')
  }

  async #openWriter(copyId: CopyId, sizeBytes: number | null, partKey: PartKey | null): Promise<SlotWriter> {
    const { tree, room } = this.#parts
    const reservation = await room.reserve(sizeBytes)
    let slot: Slot | null = null
    try {
      slot = await tree.slots.take('durable')
      const onEnd = (): void => void this.#writers.delete(copyId)
      return await SlotWriter.open({ ...this.#parts, copyId, partKey, slot, reservation, onEnd })
    } catch (error) {
      reservation.release()
      if (slot !== null) await tree.slots.giveBack(slot)
      throw error
    }
  }

  /** Every command: none after `close`, none cut off by it, and the errors of the disk translated. */
  async #run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#stop.signal.aborted) throw new StoreError('CANCELLED', 'the store is closed')
    return this.#working.track(
      work().catch((error) => {
        throw this.#parts.health.report(error)
      }),
    )
  }
}
