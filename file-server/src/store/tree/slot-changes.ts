import { hash } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { CopyId, Digest, Slot } from '@holdfast/shared/ids'
import { failpoint } from '@holdfast/shared/node/failpoint'
import type { Logger } from '@holdfast/shared/node/logger'
import { NO_TAGS } from '@holdfast/shared/node/part-digest'
import type { NamedCopy, StoredCopy } from '@holdfast/shared/wire/events'
import type { DiskCalls } from '../disk/disk-calls.ts'
import { type DiskHealth, isErrno } from '../disk/disk-health.ts'
import type { Room } from '../disk/room.ts'
import type { Journal, PendingPut } from '../journal/journal.ts'
import type { CopyTree } from './leaves.ts'
import { copyPath } from './slot.ts'

interface Parts {
  readonly journal: Journal
  readonly tree: CopyTree
  readonly room: Room
  readonly disk: DiskCalls
  readonly health: DiskHealth
  readonly log: Logger
}

/** Stores copies that the journal makes durable: each is in its place in the tree at once, and synced there later. */
export class JournaledCopies {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** @param copyId of no other copy that is under way. */
  async store(copyId: CopyId, bytes: Uint8Array, expected: Digest | null): Promise<StoredCopy> {
    const { tree } = this.#parts
    const sha256 = hash('sha256', bytes, 'hex') as Digest
    if (expected !== null && expected !== sha256) throw new StoreError('DIGEST_MISMATCH')
    tree.underWay.add(copyId)
    try {
      const slot = await this.#place(copyId, bytes, sha256)
      return { copyId, slot, sizeBytes: bytes.length, sha256, partTags: NO_TAGS }
    } finally {
      tree.underWay.delete(copyId)
    }
  }

  async #place(copyId: CopyId, bytes: Uint8Array, sha256: Digest): Promise<Slot> {
    const { journal, room, tree } = this.#parts
    journal.requireRoom()
    if (!room.spendAtOnce(bytes.length)) await room.spend(bytes.length)
    const slot = tree.slots.takeAtOnce() ?? (await tree.slots.take('made'))
    await this.#write({ copyId, slot, sha256 }, bytes)
    tree.count(1, bytes.length)
    tree.slots.keep(slot)
    return slot
  }

  /** Into the journal and into the tree at the same time; done when both are. */
  async #write(copy: NamedCopy, bytes: Uint8Array): Promise<void> {
    const { journal, health } = this.#parts
    const put = journal.put(copy, bytes)
    const [written, synced] = await Promise.allSettled([this.#writeInTree(copy, bytes, put), put.synced])
    if (synced.status === 'fulfilled' && written.status === 'fulfilled') return
    const isInJournal = synced.status === 'fulfilled'
    if (isInJournal || put.isWithdrawn) await this.#remove(copy, put, isInJournal)
    // After a failed journal only the replay of the next start knows what the slot holds.
    else this.#parts.tree.slots.keep(copy.slot)
    if (synced.status === 'rejected') throw synced.reason
    throw health.report(written.status === 'rejected' ? written.reason : undefined)
  }

  async #writeInTree(copy: NamedCopy, bytes: Uint8Array, put: PendingPut): Promise<void> {
    const { tree, disk } = this.#parts
    if (failpoint !== undefined) await failpoint('file-server.before-tree-write')
    await disk.createFile(tree.pathTo(copyPath(copy)), bytes)
    if (failpoint !== undefined) await failpoint('file-server.after-tree-write')
    put.written()
  }

  /** Nothing stays of a refused copy, and a replay does not bring it back. */
  async #remove(copy: NamedCopy, put: PendingPut, isInJournal: boolean): Promise<void> {
    const { tree, disk, journal, log } = this.#parts
    const { slot } = copy
    let isEmpty = true
    try {
      await disk.unlink(tree.pathTo(copyPath(copy)))
    } catch (error) {
      isEmpty = isErrno(error, 'ENOENT')
      if (!isEmpty) log.warn({ err: error, ...copy }, 'an unfinished copy was not cleanly removed')
    }
    const noted = isInJournal ? journal.note('gone', copy) : null
    put.written()
    await noted
    await this.#giveBack(slot, isEmpty)
  }

  async #giveBack(slot: Slot, isEmpty: boolean): Promise<void> {
    const { slots } = this.#parts.tree
    if (isEmpty) await slots.giveBack(slot)
    // Whether the slot is empty is not known, so it is not handed out before the next start has looked.
    else slots.keep(slot)
  }
}
