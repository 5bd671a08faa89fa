import { StoreError } from '@holdfast/shared/errors/store-error'
import type { CopyId } from '@holdfast/shared/ids'
import type { NamedCopy } from '@holdfast/shared/wire/events'
import type { DiskCalls } from '../disk/disk-calls.ts'
import type { DiskHealth } from '../disk/disk-health.ts'
import { hashFile } from '../quarantine/file-digest.ts'
import type { Journal } from '../journal/journal.ts'
import type { Quarantine } from '../quarantine/quarantine.ts'
import type { CopyTree } from './leaves.ts'
import { KeyedLock } from './keyed-lock.ts'
import { lookAt } from './leaf-entries.ts'
import { copyPath, leafOf } from './slot.ts'

interface Parts {
  readonly tree: CopyTree
  readonly quarantine: Quarantine
  readonly journal: Journal | null
  readonly disk: DiskCalls
  readonly health: DiskHealth
}

/** Copies between the tree and the quarantine. Each command may come twice: the second finds its work done. */
export class QuarantineCommands {
  readonly #tree: CopyTree
  readonly #quarantine: Quarantine
  readonly #journal: Journal | null
  readonly #disk: DiskCalls
  readonly #health: DiskHealth
  readonly #locks = new KeyedLock<CopyId>()

  constructor({ tree, quarantine, journal, disk, health }: Parts) {
    this.#tree = tree
    this.#quarantine = quarantine
    this.#journal = journal
    this.#disk = disk
    this.#health = health
  }

  /** @throws COPY_NOT_FOUND, COPY_MISMATCH */
  quarantine(copy: NamedCopy): Promise<void> {
    return this.#locks.run(copy.copyId, async () => {
      const path = this.#tree.pathTo(copyPath(copy))
      const isMoved = await this.#tree.change(copy.slot, async () => {
        const found = this.#tree.underWay.has(copy.copyId) ? null : await lookAt(path)
        if (found === null) return false
        const isJournaled = this.#journal?.mentions(copy.slot) === true
        // Its bytes may be durable in the journal alone, which knows nothing of the quarantine.
        if (isJournaled) {
          // After a failed write a sync may pass although the bytes are lost.
          this.#health.requireTrusted()
          await this.#disk.syncPath(path)
        }
        await this.#quarantine.accept(path, copy)
        if (isJournaled) await this.#journal?.note('settled', copy)
        this.#tree.count(-1, found.size)
        await this.#tree.slots.vacate(copy.slot)
        return true
      })
      if (!isMoved && this.#quarantine.find(copy.copyId)?.copy.sha256 !== copy.sha256)
        throw await whyMissing(this.#tree, copy)
    })
  }

  /** @throws DIGEST_MISMATCH, COPY_MISMATCH where the slot holds another copy, COPY_NOT_FOUND */
  restore(copy: NamedCopy): Promise<void> {
    return this.#locks.run(copy.copyId, async () => {
      if (await this.#isInTree(copy)) return
      const found = this.#quarantine.find(copy.copyId)
      if (found === undefined) throw await whyMissing(this.#tree, copy)
      if (!isSame(found.copy, copy)) throw new StoreError('COPY_MISMATCH')
      const path = this.#quarantine.pathOf(found)
      const file = await lookAt(path)
      if (file === null) throw new StoreError('COPY_NOT_FOUND')
      if ((await hashFile(path)) !== copy.sha256) throw new StoreError('DIGEST_MISMATCH')
      const isPut = await this.#tree.change(copy.slot, () => this.#putBack(copy, file.size))
      if (isPut !== true) throw new StoreError('COPY_MISMATCH', 'the slot is taken')
    })
  }

  /** @throws COPY_MISMATCH where another digest is kept under that copyId */
  discard(copy: NamedCopy): Promise<void> {
    return this.#locks.run(copy.copyId, async () => {
      const found = this.#quarantine.find(copy.copyId)
      if (found === undefined) return
      if (found.copy.sha256 !== copy.sha256) throw new StoreError('COPY_MISMATCH')
      const { slot } = found.copy
      const isDone = await this.#tree.change(slot, async () => {
        await this.#quarantine.discard(copy.copyId)
        if ((await this.#tree.findIn(slot)) === undefined) await this.#tree.slots.vacate(slot)
        return true
      })
      if (isDone === null) await this.#quarantine.discard(copy.copyId)
    })
  }

  /** Within a change of the slot's leaf. @returns false where the slot holds another copy */
  async #putBack(copy: NamedCopy, sizeBytes: number): Promise<boolean> {
    const { slots } = this.#tree
    if (slots.leaving.has(copy.slot) || (await this.#tree.findIn(copy.slot)) !== undefined) return false
    await slots.reopen(copy.slot)
    try {
      // Durable before the name is: the journal may know the slot as empty.
      if (this.#journal?.mentions(copy.slot)) await this.#journal.note('settled', copy)
      await this.#quarantine.release(copy.copyId, this.#tree.pathTo(copyPath(copy)))
      this.#tree.count(1, sizeBytes)
    } catch (error) {
      // Still in the quarantine: the slot is as empty as it was. Otherwise the copy has it.
      if (this.#quarantine.find(copy.copyId) === undefined) slots.keep(copy.slot)
      else await slots.giveBack(copy.slot)
      throw error
    }
    slots.keep(copy.slot)
    return true
  }

  async #isInTree(copy: NamedCopy): Promise<boolean> {
    if (!(await this.#tree.load(leafOf(copy.slot)))) return false
    return (await lookAt(this.#tree.pathTo(copyPath(copy)))) !== null
  }
}

function isSame(one: NamedCopy, other: NamedCopy): boolean {
  return one.slot === other.slot && one.sha256 === other.sha256
}

/** A copy that is not where it was said to be. */
async function whyMissing(tree: CopyTree, copy: NamedCopy): Promise<StoreError> {
  const isUsable = await tree.load(leafOf(copy.slot))
  const other = isUsable ? await tree.findIn(copy.slot) : undefined
  return new StoreError(other === undefined ? 'COPY_NOT_FOUND' : 'COPY_MISMATCH')
}

/**
 * @param look what is wanted of the copy's file, or null where there is none. @throws COPY_NOT_FOUND, COPY_MISMATCH
 */
export async function findCopy<T>(
  tree: CopyTree,
  copy: NamedCopy,
  look: (path: string) => Promise<T | null>,
): Promise<T> {
  const leaf = leafOf(copy.slot)
  const isUsable = (tree.isUsable(leaf) || (await tree.load(leaf))) && !tree.underWay.has(copy.copyId)
  const found = isUsable ? await look(tree.pathTo(copyPath(copy))) : null
  if (found === null) throw await whyMissing(tree, copy)
  return found
}
