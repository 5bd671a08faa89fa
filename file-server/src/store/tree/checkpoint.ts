import { join } from 'node:path'
import type { Logger } from '@holdfast/shared/node/logger'
import type { NamedCopy } from '@holdfast/shared/wire/shapes'
import { type DiskCalls, DiskHangsError } from '../disk/disk-calls.ts'
import { isErrno, isUntried } from '../disk/disk-health.ts'
import { copyPath, directoryPath, LEAF_DEPTH, leafOf, prefixOf } from './slot.ts'

/** A sync of each of so many copies costs less than one of the whole file system, which others write to as well. */
const FEW_COPIES = 256
const SYNCS_AT_ONCE = 4

/** Makes durable what was written in the tree without a sync. */
export class Checkpoint {
  readonly #root: string
  readonly #disk: DiskCalls
  readonly #log: Logger
  /** Some machines have no `sync -f` that tells of failures; one that has worked and then fails has found a failed disk. */
  #syncOfAll: 'untried' | 'works' | 'missing' = 'untried'

  constructor(root: string, disk: DiskCalls, log: Logger) {
    this.#root = root
    this.#disk = disk
    this.#log = log
  }

  /** Syncs the copies that are there, and every directory on the way to them and to those that have gone. */
  async makeDurable(copies: readonly NamedCopy[]): Promise<void> {
    if (copies.length > FEW_COPIES && this.#syncOfAll !== 'missing') {
      try {
        await this.#disk.syncFileSystem(this.#root)
        this.#syncOfAll = 'works'
        return
      } catch (error) {
        if (this.#syncOfAll === 'works' || isUntried(error) || error instanceof DiskHangsError) throw error
        this.#syncOfAll = 'missing'
        this.#log.warn({ err: error }, 'sync -f cannot be used: checkpoints sync each file')
      }
    }
    const files = new Set(copies.map((copy) => join(this.#root, copyPath(copy))))
    await syncAll(files, (path) => this.#disk.syncPath(path))
    await syncAll(this.#directoriesOf(copies), (path) => this.#disk.syncDirectory(path))
  }

  #directoriesOf(copies: readonly NamedCopy[]): Set<string> {
    const directories = new Set<string>()
    for (const leaf of new Set(copies.map(({ slot }) => leafOf(slot)))) {
      for (let depth = 0; depth <= LEAF_DEPTH; depth++)
        directories.add(join(this.#root, directoryPath(depth, prefixOf(leaf, depth))))
    }
    return directories
  }
}

/**
 * @throws the disk's own error rather than one of a sync that could not be tried: a kernel tells of a failed write once, and
 * a second try would find nothing wrong.
 */
async function syncAll(paths: Iterable<string>, sync: (path: string) => Promise<void>): Promise<void> {
  const rest = paths[Symbol.iterator]()
  const errors: unknown[] = []
  const work = async (): Promise<void> => {
    for (let next = rest.next(); !next.done && errors.length === 0; next = rest.next()) {
      try {
        await sync(next.value)
      } catch (error) {
        // It was deleted meanwhile, which the sync of a directory above makes durable.
        if (!isErrno(error, 'ENOENT')) errors.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: SYNCS_AT_ONCE }, work))
  if (errors.length > 0) throw errors.find((error) => !isUntried(error)) ?? errors[0]
}
