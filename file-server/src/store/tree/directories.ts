import { readdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { SLOT_RADIX } from '@holdfast/shared/ids'
import type { Logger } from '@holdfast/shared/node/logger'
import { Tally } from '../../tally.ts'
import type { DiskCalls } from '../disk/disk-calls.ts'
import { isErrno } from '../disk/disk-health.ts'
import type { DurableWrite } from '../disk/durable-write.ts'
import { KeyedLock } from './keyed-lock.ts'
import { withheldDigits } from './leaf-plan.ts'
import { digitFrom, directoryPath, LEAF_DEPTH, type Leaf, prefixOf } from './slot.ts'

/** Something foreign stands where a directory of the tree would be, so nothing can be stored under it. */
export class BlockedDirectoryError extends Error {}

interface Options {
  readonly root: string
  readonly disk: DiskCalls
  readonly durable: DurableWrite
  readonly log: Logger
}

/**
 * Manages the directories of one tree: they are made durably before their first use, and removed when empty and not
 * held.
 */
export class Directories {
  readonly #root: string
  readonly #disk: DiskCalls
  readonly #durable: DurableWrite
  readonly #log: Logger
  /** mkdir and rmdir exclude each other, so neither takes the other's directory away. */
  readonly #structure = new KeyedLock<'structure'>()
  readonly #holds = new Tally<Leaf>()
  /**
   * `#made` has the leaves whose directory is there, `#durableLeaves` those of them whose names were synced up to the
   * root.
   */
  readonly #made = new Set<Leaf>()
  readonly #durableLeaves = new Set<Leaf>()
  /** The names of these directories in their parents were synced in this run. */
  readonly #synced = new Set<number>()
  readonly #syncing = new Map<number, Promise<void>>()
  readonly #real = new Set<number>()
  readonly #withheld = new Map<number, ReadonlySet<number>>()

  constructor({ root, disk, durable, log }: Options) {
    this.#root = root
    this.#disk = disk
    this.#durable = durable
    this.#log = log
  }

  /** @returns whether the leaf's directory exists. A symlink or a file on the way blocks it. @throws BlockedDirectoryError */
  exists(leaf: Leaf): Promise<boolean> {
    return this.#structure.run('structure', async () => {
      for (let depth = 1; depth <= LEAF_DEPTH; depth++) {
        if (!(await this.#isReal(depth, prefixOf(leaf, depth)))) return false
      }
      return true
    })
  }

  /**
   * Keeps the leaf's directory from being removed, and makes it where it is missing; `durable` makes sure that a power
   * cut does not undo that. @throws BlockedDirectoryError
   */
  async hold(leaf: Leaf, want: 'made' | 'durable'): Promise<void> {
    if (want === 'made' && this.holdMade(leaf)) return
    this.#holds.add(leaf)
    try {
      if (this.#durableLeaves.has(leaf)) return
      await this.#structure.run('structure', () => this.#makeAll(leaf))
      if (want === 'durable') await this.#syncNames(leaf)
    } catch (error) {
      this.release(leaf)
      throw error
    }
  }

  /** Does as `hold` where the directory is there. @returns false where it may not be. */
  holdMade(leaf: Leaf): boolean {
    if (!this.#made.has(leaf)) return false
    this.#holds.add(leaf)
    return true
  }

  release(leaf: Leaf): void {
    this.#holds.remove(leaf)
  }

  /** Removes a directory that is empty, then those above it that are. A leaf that is held stays. */
  prune(depth: number, prefix: number): Promise<void> {
    return this.#structure.run('structure', async () => {
      if (depth === LEAF_DEPTH && this.#holds.has(prefix as Leaf)) return
      for (let at = depth; at >= 1; at--) {
        const number = prefixOf(prefix as Leaf, LEAF_DEPTH - (depth - at))
        // It is forgotten before the rmdir, because a `hold` that comes meanwhile must wait for the lock and make it
        // again.
        if (at === LEAF_DEPTH) this.#forgetLeaf(number as Leaf)
        if (!(await this.#remove(at, number))) return
      }
    })
  }

  async #remove(depth: number, prefix: number): Promise<boolean> {
    try {
      await rmdir(this.#path(depth, prefix))
    } catch (error) {
      if (isErrno(error, 'ENOTEMPTY', 'EEXIST')) return false
      if (!isErrno(error, 'ENOENT')) {
        this.#log.warn({ err: error }, 'an empty directory could not be removed')
        return false
      }
    }
    const key = keyOf(depth, prefix)
    this.#synced.delete(key)
    this.#real.delete(key)
    this.#withheld.delete(key)
    return true
  }

  async #makeAll(leaf: Leaf): Promise<void> {
    for (let depth = 1; depth <= LEAF_DEPTH; depth++) {
      const prefix = prefixOf(leaf, depth)
      if (await this.#isReal(depth, prefix)) continue
      const parent = Math.floor(prefix / SLOT_RADIX)
      const withheld = await this.#withheldIn(depth - 1, parent)
      if (withheld.has(prefix % SLOT_RADIX)) throw new BlockedDirectoryError(this.#path(depth, prefix))
      await this.#disk.makeDirectory(this.#path(depth, prefix))
      this.#real.add(keyOf(depth, prefix))
    }
    this.#made.add(leaf)
  }

  #forgetLeaf(leaf: Leaf): void {
    this.#made.delete(leaf)
    this.#durableLeaves.delete(leaf)
    this.#synced.delete(keyOf(LEAF_DEPTH, leaf))
  }

  async #isReal(depth: number, prefix: number): Promise<boolean> {
    const key = keyOf(depth, prefix)
    if (this.#real.has(key)) return true
    const found = await this.#disk.lookAt(this.#path(depth, prefix))
    if (found === null) return false
    if (!found.isDirectory()) throw new BlockedDirectoryError(this.#path(depth, prefix))
    this.#real.add(key)
    return true
  }

  /** Foreign names in a directory cost the digits of as many children. */
  async #withheldIn(depth: number, prefix: number): Promise<ReadonlySet<number>> {
    const key = keyOf(depth, prefix)
    const known = this.#withheld.get(key)
    if (known !== undefined) return known
    const names = await readdir(this.#path(depth, prefix))
    const foreign = names.filter((name) => digitFrom(name) === null)
    const taken = new Set(names.map(digitFrom).filter((digit) => digit !== null))
    const withheld = withheldDigits(foreign, taken)
    this.#withheld.set(key, withheld)
    return withheld
  }

  async #syncNames(leaf: Leaf): Promise<void> {
    const depths = Array.from({ length: LEAF_DEPTH }, (_, index) => index + 1)
    const syncs = await Promise.allSettled(depths.map((depth) => this.#syncName(depth, prefixOf(leaf, depth))))
    for (const sync of syncs) if (sync.status === 'rejected') throw sync.reason
    this.#durableLeaves.add(leaf)
  }

  async #syncName(depth: number, prefix: number): Promise<void> {
    const key = keyOf(depth, prefix)
    if (this.#synced.has(key)) return
    const running =
      this.#syncing.get(key) ??
      this.#durable
        .syncDirectory(this.#path(depth - 1, Math.floor(prefix / SLOT_RADIX)))
        .then(() => {
          this.#synced.add(key)
        })
        .finally(() => this.#syncing.delete(key))
    this.#syncing.set(key, running)
    await running
  }

  #path(depth: number, prefix: number): string {
    return join(this.#root, directoryPath(depth, prefix))
  }
}

/** @returns one number for a directory at any depth. */
function keyOf(depth: number, prefix: number): number {
  return prefix * (LEAF_DEPTH + 1) + depth
}
