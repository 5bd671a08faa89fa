import { hash } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { CopyId, Digest, PartKey, Slot } from '@holdfast/shared/ids'
import { NO_TAGS } from '@holdfast/shared/node/part-digest'
import type { CopyPage, InventoryCursor, NamedCopy, StoredCopy } from '@holdfast/shared/wire/shapes'
import type { Reservation, Room } from '../disk/room.ts'
import { hashFile } from '../quarantine/file-digest.ts'
import { SlotWriter } from './copy-writer.ts'
import { listTree, takeInventory } from './inventory.ts'
import { copyPath, type Leaf, leafOf } from './slot.ts'
import { type SlotChangeDeps, SlotChanges } from './slot-changes.ts'

interface CopyTreeDeps extends SlotChangeDeps {
  readonly room: Room
}

/** Keeps the copies of one store, in the tree and in the quarantine beside it. Each command may come twice. */
export class CopyTree {
  readonly #deps: CopyTreeDeps
  readonly #changes: SlotChanges
  readonly #writers = new Set<SlotWriter>()

  constructor(deps: CopyTreeDeps) {
    this.#deps = deps
    this.#changes = new SlotChanges(deps)
  }

  /** Counts the copies in the tree, as far as the inventory has come. */
  get copyCount(): number {
    return this.#deps.leaves.copyCount
  }

  get sizeBytes(): number {
    return this.#deps.leaves.sizeBytes
  }

  /** These write copies at the moment. */
  get writers(): ReadonlySet<SlotWriter> {
    return this.#writers
  }

  /** @param end the highest leaf of earlier runs. @returns whether it saw everything */
  takeInventory(end: Leaf, signal: AbortSignal): Promise<boolean> {
    return takeInventory({ ...this.#deps, end, signal })
  }

  async list(cursor: InventoryCursor, limit: number): Promise<CopyPage> {
    const { leaves, quarantine } = this.#deps
    return cursor.where === 'tree' ? listTree(leaves, cursor.slot, limit) : quarantine.list(cursor.slot, limit)
  }

  /** @param look what is wanted of the copy's file, or null where there is none. @throws COPY_NOT_FOUND, COPY_MISMATCH */
  async find<T>(copy: NamedCopy, look: (path: string) => Promise<T | null>): Promise<T> {
    const { leaves } = this.#deps
    const leaf = leafOf(copy.slot)
    const isUsable = (leaves.isUsable(leaf) || (await leaves.load(leaf))) && !leaves.underWay.has(copy.copyId)
    const found = isUsable ? await look(leaves.pathTo(copyPath(copy))) : null
    if (found === null) throw await this.#whyMissing(copy)
    return found
  }

  /** @returns a copy with that digest, of those in the leaves that were loaded, or null */
  async findByDigest(sha256: Digest): Promise<NamedCopy | null> {
    const { leaves } = this.#deps
    for (const slot of leaves.digests.slotsOf(sha256)) {
      const found = await leaves.findIn(slot)
      if (found?.sha256 === sha256) return found
    }
    return null
  }

  /** Opens a copy that is written piece by piece. @throws DISK_FULL */
  async openWriter(copyId: CopyId, sizeBytes: number | null, partKey: PartKey | null): Promise<SlotWriter> {
    const { leaves, room, disk, health } = this.#deps
    const end = this.#begin(copyId)
    let reservation: Reservation | undefined
    let slot: Slot | undefined
    try {
      reservation = await room.reserve(sizeBytes)
      slot = await leaves.slots.take('durable')
      const onEnd = (): void => {
        this.#writers.delete(writer)
        reservation?.release()
        end()
      }
      const changes = this.#changes
      const writer: SlotWriter = await SlotWriter.open({
        copyId,
        partKey,
        slot,
        reservation,
        leaves,
        changes,
        disk,
        health,
        onEnd,
      })
      this.#writers.add(writer)
      return writer
    } catch (error) {
      reservation?.release()
      if (slot !== undefined) await leaves.slots.giveBack(slot)
      end()
      throw error
    }
  }

  /** @returns whether copies of this size are stored by `storeSmall` */
  isSmall(sizeBytes: number): boolean {
    return this.#changes.isSmall(sizeBytes)
  }

  /** Stores a whole copy that is in memory. */
  async storeSmall(copyId: CopyId, bytes: Uint8Array, expected: Digest | null): Promise<StoredCopy> {
    const { leaves, room } = this.#deps
    const end = this.#begin(copyId)
    try {
      const sha256 = hash('sha256', bytes, 'hex') as Digest
      if (expected !== null && expected !== sha256) throw new StoreError('DIGEST_MISMATCH')
      this.#changes.requireRoom()
      if (!room.spendAtOnce(bytes.length)) await room.spend(bytes.length)
      const slot = leaves.slots.takeAtOnce() ?? (await leaves.slots.take('made'))
      await this.#changes.putSmall({ copyId, slot, sha256 }, bytes)
      return { copyId, slot, sizeBytes: bytes.length, sha256, partTags: NO_TAGS }
    } finally {
      end()
    }
  }

  /** @returns whether that very copy was there. */
  remove(copyId: CopyId, slot: Slot): Promise<boolean> {
    return this.#changes.remove(copyId, slot)
  }

  /** @throws COPY_NOT_FOUND, COPY_MISMATCH */
  async quarantine(copy: NamedCopy): Promise<void> {
    const { leaves, quarantine } = this.#deps
    const isMoved = await leaves.change(copy.slot, () => this.#changes.moveOut(copy))
    if (!isMoved && quarantine.find(copy.copyId)?.copy.sha256 !== copy.sha256) throw await this.#whyMissing(copy)
  }

  /** @throws DIGEST_MISMATCH, COPY_MISMATCH where the slot holds another copy, COPY_NOT_FOUND */
  async restore(copy: NamedCopy): Promise<void> {
    const { leaves, quarantine, health } = this.#deps
    if (await leaves.change(copy.slot, () => this.#isInTree(copy))) return
    const known = quarantine.find(copy.copyId)
    if (known === undefined) throw await this.#whyMissing(copy)
    if (!isSame(known.copy, copy)) throw new StoreError('COPY_MISMATCH')
    // The leaf is not held meanwhile, because a large copy takes long to read.
    const file = await hashFile(quarantine.pathOf(known)).catch((error) => {
      throw health.reportRead(error, copy)
    })
    if (file === null) throw new StoreError('COPY_NOT_FOUND')
    if (file.sha256 !== copy.sha256) throw new StoreError('DIGEST_MISMATCH')
    const isPut = await leaves.change(copy.slot, async () => {
      if (await this.#isInTree(copy)) return true
      if (quarantine.find(copy.copyId) !== known) throw new StoreError('COPY_NOT_FOUND', 'it was moved meanwhile')
      return this.#changes.moveBack(copy, file.sizeBytes)
    })
    if (isPut !== true) throw new StoreError('COPY_MISMATCH', 'the slot is taken')
  }

  /** @throws COPY_MISMATCH where another digest or slot is kept under that copyId */
  async discard(copy: NamedCopy): Promise<void> {
    const { leaves } = this.#deps
    const isDone = await leaves.change(copy.slot, async () => {
      const isDiscarded = await this.#discard(copy)
      if (isDiscarded && (await leaves.findIn(copy.slot)) === undefined) await leaves.slots.vacate(copy.slot)
      return true
    })
    if (isDone === null) await this.#discard(copy)
  }

  async #discard(copy: NamedCopy): Promise<boolean> {
    const { quarantine } = this.#deps
    const found = quarantine.find(copy.copyId)
    if (found === undefined) return false
    if (!isSame(found.copy, copy)) throw new StoreError('COPY_MISMATCH')
    await quarantine.discard(copy.copyId)
    return true
  }

  /** @returns what to call when the copy is there or given up. */
  #begin(copyId: CopyId): () => void {
    const { leaves, health } = this.#deps
    health.requireTrusted()
    if (leaves.underWay.has(copyId)) throw new StoreError('INTERNAL', 'this copy is being written already')
    leaves.underWay.add(copyId)
    return () => void leaves.underWay.delete(copyId)
  }

  async #isInTree(copy: NamedCopy): Promise<boolean> {
    const { leaves, disk } = this.#deps
    if (!(await leaves.load(leafOf(copy.slot)))) return false
    return (await disk.lookAt(leaves.pathTo(copyPath(copy)))) !== null
  }

  /** A copy that is not where it was said to be is either gone or another one. */
  async #whyMissing(copy: NamedCopy): Promise<StoreError> {
    const { leaves } = this.#deps
    const isUsable = await leaves.load(leafOf(copy.slot))
    const other = isUsable ? await leaves.findIn(copy.slot) : undefined
    return new StoreError(other === undefined ? 'COPY_NOT_FOUND' : 'COPY_MISMATCH')
  }
}

function isSame(one: NamedCopy, other: NamedCopy): boolean {
  return one.slot === other.slot && one.sha256 === other.sha256
}
