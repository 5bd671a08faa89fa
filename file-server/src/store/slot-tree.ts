import { StoreError } from '@holdfast/shared/errors/store-error'
import type { Slot } from '@holdfast/shared/ids'
import type { Logger } from '@holdfast/shared/node/logger'
import { BlockedDirectoryError, Directories } from './directories.ts'
import type { DurableWrite } from './durable-write.ts'
import { FreeSlots } from './free-slots.ts'
import { LEAF_DEPTH, type Leaf, leafOf } from './slot.ts'

interface Options {
  readonly root: string
  readonly durable: DurableWrite
  readonly log: Logger
  /** Reads a leaf left by an earlier run and adds its free slots; nothing where that was done before. */
  readonly load: (leaf: Leaf) => Promise<void>
}

/**
 * A tree of slots and who holds them. A slot is taken by one copy at a time, and while it is being filled its directory
 * is held: `take` or `claim`, then exactly one of `keep` and `giveBack`.
 */
export class SlotTree {
  readonly root: string
  readonly free = new FreeSlots()
  readonly directories: Directories
  readonly #log: Logger
  readonly #load: (leaf: Leaf) => Promise<void>

  constructor({ root, durable, log, load }: Options) {
    this.root = root
    this.directories = new Directories({ root, durable, log })
    this.#log = log
    this.#load = load
  }

  /** The lowest free slot, its directory made. @throws DISK_FULL when all 36^6 are taken. */
  async take(): Promise<Slot> {
    for (;;) {
      const lowest = this.free.lowest()
      if (lowest === null) throw new StoreError('DISK_FULL', 'every slot is taken')
      if (lowest.kind === 'unopened') {
        await this.#load(lowest.leaf)
        this.free.opened(lowest.leaf)
      } else if (await this.claim(lowest.slot)) return lowest.slot
    }
  }

  /** That very slot, in a leaf that has been loaded. @returns false where it is not free. */
  async claim(slot: Slot): Promise<boolean> {
    if (!this.free.take(slot)) return false
    try {
      await this.directories.hold(leafOf(slot))
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

  /** The slot's copy is in place. */
  keep(slot: Slot): void {
    this.directories.release(leafOf(slot))
  }

  /** Nothing came of it, and nothing is left in the slot. */
  async giveBack(slot: Slot): Promise<void> {
    this.directories.release(leafOf(slot))
    await this.vacate(slot)
  }

  /** A copy that was in place is gone. */
  async vacate(slot: Slot): Promise<void> {
    this.free.add(slot)
    await this.pruneIfFree(leafOf(slot))
  }

  async pruneIfFree(leaf: Leaf): Promise<void> {
    if (this.free.isWhollyFree(leaf)) await this.directories.prune(LEAF_DEPTH, leaf)
  }
}
