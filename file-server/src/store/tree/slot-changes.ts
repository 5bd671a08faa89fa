import type { FileHandle } from 'node:fs/promises'
import type { CopyId, Slot } from '@holdfast/shared/ids'
import { failpoint } from '@holdfast/shared/node/failpoint'
import type { Logger } from '@holdfast/shared/node/logger'
import type { NamedCopy } from '@holdfast/shared/wire/shapes'
import type { DiskCalls } from '../disk/disk-calls.ts'
import { type DiskHealth, isErrno } from '../disk/disk-health.ts'
import { type DurableWrite, NameNotDurableError } from '../disk/durable-write.ts'
import type { Journal, PendingPut } from '../journal/journal.ts'
import type { Quarantine } from '../quarantine/quarantine.ts'
import type { Leaves } from './leaves.ts'
import { copyPath } from './slot.ts'

export interface SlotChangeDeps {
  readonly leaves: Leaves
  readonly quarantine: Quarantine
  /** It is null where every copy is synced by itself. */
  readonly journal: Journal | null
  readonly disk: DiskCalls
  readonly durable: DurableWrite
  readonly health: DiskHealth
  readonly log: Logger
}

/**
 * Changes what a slot holds, while the file-server runs. Each change tells the journal of itself, in such an order that a replay
 * brings back every copy that was acknowledged and none that has ended.
 */
export class SlotChanges {
  readonly #deps: SlotChangeDeps

  constructor(deps: SlotChangeDeps) {
    this.#deps = deps
  }

  /** @returns whether copies of this size go by `putSmall`. */
  isSmall(sizeBytes: number): boolean {
    return this.#deps.journal?.takes(sizeBytes) === true
  }

  /** @throws OVERLOADED, DISK_FAILED where `putSmall` would be refused. */
  requireRoom(): void {
    this.#deps.journal?.requireRoom()
  }

  /**
   * Puts a copy that is in memory into the slot that was taken for it: into the journal, which makes it durable, and into
   * the tree at the same time. It is there when both are done; after a failure the slot is given back or left alone.
   */
  async putSmall(copy: NamedCopy, bytes: Uint8Array): Promise<void> {
    const { leaves, journal, health } = this.#deps
    if (journal === null) throw new Error('there is no journal')
    const put = journal.put(copy, bytes)
    const [written, synced] = await Promise.allSettled([this.#writeInTree(copy, bytes, put), put.synced])
    if (synced.status === 'fulfilled' && written.status === 'fulfilled') return this.#isPut(copy, bytes.length)
    const isInJournal = synced.status === 'fulfilled'
    if (isInJournal || put.isWithdrawn) await this.#withdraw(copy, put, isInJournal ? journal : null)
    // After a failed journal only the replay of the next start knows what the slot holds.
    else leaves.slots.keep(copy.slot)
    if (synced.status === 'rejected') throw synced.reason
    throw health.report(written.status === 'rejected' ? written.reason : undefined)
  }

  /**
   * Puts a copy that was written to a file in its slot's directory: durably under its name. Closes the file.
   * @throws NameNotDurableError where it stays as a copy that nobody was told of: the bytes may be wanted, and reconcile
   * finds them. After any other error the slot is still to be given up.
   */
  async putLarge(copy: NamedCopy, file: FileHandle, from: string, sizeBytes: number): Promise<void> {
    const { leaves, durable } = this.#deps
    try {
      // The note is durable before the name is, because a replay must not put into the slot what it held earlier.
      await this.#settle(copy)
      await durable.publish(file, from, leaves.pathTo(copyPath(copy)))
    } catch (error) {
      if (error instanceof NameNotDurableError) this.#isPut(copy, sizeBytes)
      throw error
    }
    this.#isPut(copy, sizeBytes)
  }

  /** Removes the file of a large copy that did not come to be, and gives its slot back. */
  async giveUp(copy: Omit<NamedCopy, 'sha256'>, file: FileHandle, path: string): Promise<void> {
    await file.close().catch((error) => this.#warnOfRest(error, copy))
    // A file that is missing may have got its name in a rename that told of an error, so the slot may be full.
    await this.#free(copy.slot, await this.#isRemoved(path, copy))
  }

  /**
   * Deletes a copy. Nothing is synced before the answer, for a copy that a power cut brings back is found by the next
   * reconcile. But a replay must not bring it back, so a journal that knows of it learns of the end too.
   * @returns whether that very copy was there
   */
  async remove(copyId: CopyId, slot: Slot): Promise<boolean> {
    const { leaves, journal } = this.#deps
    const removed = await leaves.change(slot, async () => {
      const found = await leaves.findIn(slot)
      return found?.copyId === copyId ? this.#unlink(found) : null
    })
    // A command that comes twice waits for what the first one noted.
    await (removed?.isDurable ?? journal?.notesSynced())
    if (removed === null) return false
    // The slot is free only from here on: a replay that knows nothing of the end would put the copy beside the next one.
    leaves.slots.leaving.delete(slot)
    await leaves.slots.vacate(slot)
    return true
  }

  /** Moves a copy into the quarantine, in a change of its leaf. @returns false where it is not there. */
  async moveOut(copy: NamedCopy): Promise<boolean> {
    const { leaves, quarantine, journal, health, disk } = this.#deps
    const path = leaves.pathTo(copyPath(copy))
    const found = leaves.underWay.has(copy.copyId) ? null : await disk.lookAt(path)
    if (found === null) return false
    // The bytes may be durable in the journal alone, which knows nothing of the quarantine.
    if (journal?.mentions(copy.slot)) {
      // After a failed write a sync may pass although the bytes are lost.
      health.requireTrusted()
      await disk.syncPath(path)
    }
    await quarantine.accept(path, copy)
    await this.#settle(copy)
    leaves.noteOut(copy, found.size)
    await leaves.slots.vacate(copy.slot)
    return true
  }

  /** Moves a copy from the quarantine back, in a change of its leaf. @returns false where the slot holds another copy. */
  async moveBack(copy: NamedCopy, sizeBytes: number): Promise<boolean> {
    const { leaves, quarantine } = this.#deps
    const { slots } = leaves
    if (slots.leaving.has(copy.slot) || (await leaves.findIn(copy.slot)) !== undefined) return false
    await slots.reopen(copy.slot)
    try {
      // The note is durable before the name is, because the journal may know the slot as empty.
      await this.#settle(copy)
      await quarantine.release(copy.copyId, leaves.pathTo(copyPath(copy)))
    } catch (error) {
      // A copy that is not in the quarantine any more has the slot.
      if (quarantine.find(copy.copyId) === undefined) slots.keep(copy.slot)
      else await slots.giveBack(copy.slot)
      throw error
    }
    this.#isPut(copy, sizeBytes)
    return true
  }

  /** Tells a journal that would say something of the slot that it is as it should be without it. */
  async #settle(copy: NamedCopy): Promise<void> {
    const { journal } = this.#deps
    if (journal?.mentions(copy.slot)) await journal.note('settled', copy)
  }

  #isPut(copy: NamedCopy, sizeBytes: number): void {
    this.#deps.leaves.noteIn(copy, sizeBytes)
    this.#deps.leaves.slots.keep(copy.slot)
  }

  async #writeInTree(copy: NamedCopy, bytes: Uint8Array, put: PendingPut): Promise<void> {
    const { leaves, disk } = this.#deps
    if (failpoint !== undefined) await failpoint('file-server.before-tree-write')
    await disk.createFile(leaves.pathTo(copyPath(copy)), bytes)
    if (failpoint !== undefined) await failpoint('file-server.after-tree-write')
    put.written()
  }

  /** Nothing stays of a refused copy, and a replay of the journal that holds it does not bring it back. */
  async #withdraw(copy: NamedCopy, put: PendingPut, holder: Journal | null): Promise<void> {
    const path = this.#deps.leaves.pathTo(copyPath(copy))
    const isEmpty = await this.#isRemoved(path, copy, 'ENOENT')
    const noted = holder?.note('gone', copy)
    put.written()
    await noted
    await this.#free(copy.slot, isEmpty)
  }

  /** @param except errors that prove that nothing is there */
  async #isRemoved(path: string, copy: Partial<NamedCopy>, ...except: string[]): Promise<boolean> {
    try {
      await this.#deps.disk.unlink(path)
      return true
    } catch (error) {
      if (isErrno(error, ...except)) return true
      this.#warnOfRest(error, copy)
      return false
    }
  }

  #warnOfRest(error: unknown, copy: Partial<NamedCopy>): void {
    this.#deps.log.warn({ err: error, ...copy }, 'an unfinished copy was not cleanly removed')
  }

  /** A slot that may not be empty is not handed out before the next start has looked. */
  async #free(slot: Slot, isEmpty: boolean): Promise<void> {
    const { slots } = this.#deps.leaves
    if (isEmpty) await slots.giveBack(slot)
    else slots.keep(slot)
  }

  /** @returns what to wait for before the slot is free. */
  async #unlink(copy: NamedCopy): Promise<{ readonly isDurable: Promise<void> | undefined }> {
    const { leaves, journal, disk } = this.#deps
    if (journal?.mentions(copy.slot)) journal.requireRoom()
    const path = leaves.pathTo(copyPath(copy))
    const sizeBytes = (await disk.lookAt(path))?.size ?? 0
    await failpoint?.('file-server.before-unlink')
    leaves.slots.leaving.add(copy.slot)
    try {
      await disk.unlink(path)
    } catch (error) {
      leaves.slots.leaving.delete(copy.slot)
      throw error
    }
    await failpoint?.('file-server.after-unlink')
    const isDurable = journal?.mentions(copy.slot) ? journal.note('gone', copy) : undefined
    leaves.noteOut(copy, sizeBytes)
    return { isDurable }
  }
}
