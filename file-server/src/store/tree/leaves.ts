import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { CopyId, Slot } from '@holdfast/shared/ids'
import type { Logger } from '@holdfast/shared/node/logger'
import type { NamedCopy } from '@holdfast/shared/wire/shapes'
import type { DiskCalls } from '../disk/disk-calls.ts'
import type { DurableWrite } from '../disk/durable-write.ts'
import type { Quarantine } from '../quarantine/quarantine.ts'
import { DigestIndex } from './digest-index.ts'
import { BlockedDirectoryError } from './directories.ts'
import { KeyedLock } from './keyed-lock.ts'
import { readEntries, readNames } from './leaf-entries.ts'
import { planLeaf } from './leaf-plan.ts'
import { digitOf, type Leaf, leafOf, leafPath, parseLeafName, slotAt } from './slot.ts'
import { SlotTree } from './slot-tree.ts'

interface Options {
  readonly root: string
  readonly disk: DiskCalls
  readonly durable: DurableWrite
  readonly quarantine: Quarantine
  readonly log: Logger
}

/**
 * Keeps the leaves of the tree of copies. Each is loaded before anything else happens in it, and changed by one at a
 * time.
 */
export class Leaves {
  readonly slots: SlotTree
  /** These copies are being put. Some have their name already, but to everyone else they are not there. */
  readonly underWay = new Set<CopyId>()
  /** Knows the copies in the leaves that were loaded. */
  readonly digests = new DigestIndex()
  readonly #quarantine: Quarantine
  readonly #log: Logger
  readonly #locks = new KeyedLock<Leaf>()
  readonly #loaded = new Set<Leaf>()
  readonly #blocked = new Set<Leaf>()
  #copyCount = 0
  #sizeBytes = 0

  constructor({ root, disk, durable, quarantine, log }: Options) {
    this.#quarantine = quarantine
    this.#log = log
    this.slots = new SlotTree({
      root,
      disk,
      durable,
      log,
      load: async (leaf) => {
        await this.load(leaf)
      },
      // An upload in it would leave a copy that turns out to be wanted nowhere to go.
      isWithheld: (slot) => quarantine.isOrigin(slot),
    })
  }

  /** Counts the copies in the leaves that were loaded. */
  get copyCount(): number {
    return this.#copyCount
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** @returns whether the leaf was loaded, and nothing foreign stands in its way. */
  isUsable(leaf: Leaf): boolean {
    return this.#loaded.has(leaf) && !this.#blocked.has(leaf)
  }

  pathTo(relative: string): string {
    // `join` would cost too much for thousands a second, and both are in normal form.
    return `${this.slots.root}/${relative}`
  }

  /** Notes that a slot of a loaded leaf holds this copy from now on. */
  noteIn({ slot, sha256 }: Pick<NamedCopy, 'slot' | 'sha256'>, sizeBytes: number): void {
    this.#copyCount++
    this.#sizeBytes += sizeBytes
    this.digests.add(sha256, slot)
  }

  /** Notes that it does not any more. */
  noteOut({ slot, sha256 }: Pick<NamedCopy, 'slot' | 'sha256'>, sizeBytes: number): void {
    this.#copyCount--
    this.#sizeBytes -= sizeBytes
    this.digests.remove(sha256, slot)
  }

  /** @returns false where something foreign stands in the leaf's way: nothing of ours is under it. */
  async load(leaf: Leaf): Promise<boolean> {
    if (!this.#loaded.has(leaf)) {
      await this.#locks.run(leaf, async () => {
        if (!this.#loaded.has(leaf)) await this.#load(leaf)
        this.#loaded.add(leaf)
      })
    }
    return !this.#blocked.has(leaf)
  }

  /** Does work that changes what a slot's leaf holds. @returns null where the leaf is blocked. */
  async change<T>(slot: Slot, work: () => Promise<T>): Promise<T | null> {
    const leaf = leafOf(slot)
    return (await this.load(leaf)) ? this.#locks.run(leaf, work) : null
  }

  /** @returns the complete copies in a loaded leaf, in slot order. */
  async listLeaf(leaf: Leaf): Promise<NamedCopy[]> {
    const names = (await readNames(this.#directoryOf(leaf))).map(parseLeafName)
    return names
      .filter((name) => name.kind === 'copy')
      .filter(({ copyId }) => !this.underWay.has(copyId))
      .map(({ digit, copyId, sha256 }) => ({ slot: slotAt(leaf, digit), copyId, sha256 }))
      .sort((a, b) => a.slot - b.slot)
  }

  /** @returns what a slot of a loaded leaf holds. */
  async findIn(slot: Slot): Promise<NamedCopy | undefined> {
    return (await this.listLeaf(leafOf(slot))).find((copy) => digitOf(copy.slot) === digitOf(slot))
  }

  async #load(leaf: Leaf): Promise<void> {
    const directory = this.#directoryOf(leaf)
    if (!(await this.#isThere(leaf))) {
      if (!this.#blocked.has(leaf)) this.#addFree(leaf, planLeaf([]).freeDigits)
      return
    }
    const plan = planLeaf(await readEntries(directory))
    for (const name of plan.unfinished) await unlink(join(directory, name))
    for (const { name, digit, copyId, sha256 } of plan.extras) {
      this.#log.warn({ copyId, slot: slotAt(leaf, digit) }, 'a slot held two copies: one goes to quarantine')
      await this.#quarantine.accept(join(directory, name), { copyId, sha256, slot: slotAt(leaf, digit) })
    }
    for (const name of plan.foreign)
      this.#log.warn({ path: join(directory, name) }, 'a foreign entry in the tree is left alone')
    for (const { digit, sha256, sizeBytes } of plan.copies)
      this.noteIn({ slot: slotAt(leaf, digit), sha256 }, sizeBytes)
    this.#addFree(leaf, plan.freeDigits)
  }

  async #isThere(leaf: Leaf): Promise<boolean> {
    try {
      return await this.slots.directories.exists(leaf)
    } catch (error) {
      if (!(error instanceof BlockedDirectoryError)) throw error
      this.#log.warn({ path: error.message }, 'a foreign entry keeps a directory from being used')
      this.#blocked.add(leaf)
      return false
    }
  }

  #addFree(leaf: Leaf, digits: readonly number[]): void {
    for (const digit of digits) this.slots.addFree(slotAt(leaf, digit))
  }

  #directoryOf(leaf: Leaf): string {
    return join(this.slots.root, leafPath(leaf))
  }
}
