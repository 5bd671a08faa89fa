import { StoreError } from '@holdfast/shared/errors/store-error'
import type { Slot } from '@holdfast/shared/ids'
import type { Logger } from '@holdfast/shared/node/logger'
import type { DiskCalls } from '../disk/disk-calls.ts'
import type { DurableWrite } from '../disk/durable-write.ts'
import { BlockedDirectoryError, Directories } from './directories.ts'
import { FreeSlots } from './free-slots.ts'
import { ALL_DIGITS, LEAF_DEPTH, type Leaf, leafOf, slotAt } from './slot.ts'

interface Options {
  readonly root: string
  readonly disk: DiskCalls
  readonly durable: DurableWrite
  readonly log: Logger
  /** Reads a leaf left by an earlier run and adds its free slots, unless that was done before. */
  readonly load: (leaf: Leaf) => Promise<void>
  /** Tells whether the slot, empty as it is, is kept for a copy that may come back to it. */
  readonly isWithheld?: (slot: Slot) => boolean
}

/**
 * Knows who holds the slots of a tree. A slot is taken by one copy at a time, and while it is being filled its directory
 * is held: `take`, `claim` or `reopen`, then exactly one of `keep` and `giveBack`.
 */
export class SlotTree {
  readonly root: string
  readonly free = new FreeSlots()
  /** The copies of these slots are being deleted: each slot is freed by its delete and by nothing else. */
  readonly leaving = new Set<Slot>()
  readonly directories: Directories
  readonly #log: Logger
  readonly #load: (leaf: Leaf) => Promise<void>
  readonly #isWithheld: (slot: Slot) => boolean

  constructor({ root, disk, durable, log, load, isWithheld = () => false }: Options) {
    this.root = root
    this.directories = new Directories({ root, disk, durable, log })
    this.#log = log
    this.#load = load
    this.#isWithheld = isWithheld
  }

  /** Takes the lowest free slot and makes its directory. @throws DISK_FULL when all 36^6 are taken. */
  async take(want: 'made' | 'durable'): Promise<Slot> {
    for (;;) {
      const lowest = this.free.lowest()
      if (lowest === null) throw new StoreError('DISK_FULL', 'every slot is taken')
      if (lowest.kind === 'unopened') {
        await this.#load(lowest.leaf)
        this.free.opened(lowest.leaf)
      } else if (await this.claim(lowest.slot, want)) return lowest.slot
    }
  }

  /** Does as `take` where nothing has to be waited for. @returns null elsewhere */
  takeAtOnce(): Slot | null {
    const lowest = this.free.lowest()
    if (lowest?.kind !== 'slot' || !this.directories.holdMade(leafOf(lowest.slot))) return null
    this.free.take(lowest.slot)
    return lowest.slot
  }

  /** Takes that very slot, in a leaf that has been loaded. @returns false where it is not free. */
  async claim(slot: Slot, want: 'made' | 'durable'): Promise<boolean> {
    if (!this.free.take(slot)) return false
    try {
      await this.directories.hold(leafOf(slot), want)
      return true
    } catch (error) {
      if (!(error instanceof BlockedDirectoryError)) {
        this.free.add(slot)
        throw error
      }
      this.#log.warn({ path: error.message }, 'a foreign entry keeps a directory from being used')
      this.free.dropLeaf(leafOf(slot))
      return false
    }
  }

  /** Notes that the slot's copy is in place. */
  keep(slot: Slot): void {
    this.directories.release(leafOf(slot))
  }

  /** Notes that nothing came of it, and that nothing is left in the slot. */
  async giveBack(slot: Slot): Promise<void> {
    this.directories.release(leafOf(slot))
    await this.vacate(slot)
  }

  /** Takes a withheld slot for the copy that comes back to it. */
  async reopen(slot: Slot): Promise<void> {
    await this.directories.hold(leafOf(slot), 'durable')
  }

  /** Notes that a copy that was in place is gone. */
  async vacate(slot: Slot): Promise<void> {
    this.addFree(slot)
    await this.pruneIfFree(leafOf(slot))
  }

  /** Frees an empty slot, unless it is withheld or its delete has not ended. */
  addFree(slot: Slot): void {
    if (!this.#isWithheld(slot) && !this.leaving.has(slot)) this.free.add(slot)
  }

  async pruneIfFree(leaf: Leaf): Promise<void> {
    const isEmpty = (digit: number): boolean => {
      const slot = slotAt(leaf, digit)
      return this.free.has(slot) || (this.#isWithheld(slot) && !this.leaving.has(slot))
    }
    if (ALL_DIGITS.every(isEmpty)) await this.directories.prune(LEAF_DEPTH, leaf)
  }
}
