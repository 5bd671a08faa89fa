import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { failpoint } from '@holdfast/shared/node/failpoint'
import type { DiskCalls } from './disk-calls.ts'
import { GroupedSync } from './grouped-sync.ts'

/** The file has its new name, but whether the name would survive a power cut is unknown. */
export class NameNotDurableError extends Error {}

/**
 * This is the one place where bytes become durable: when a method here has returned, a power cut does not undo it.
 * Everything else in the store only relies on that.
 */
export class DurableWrite {
  readonly #disk: DiskCalls
  readonly #directories: GroupedSync

  constructor(disk: DiskCalls) {
    this.#disk = disk
    this.#directories = new GroupedSync((directory) => disk.syncDirectory(directory))
  }

  /**
   * Makes the bytes of an open file durable under their final name in the same directory. Closes the file.
   * @throws NameNotDurableError after the rename; any other error means that the file is not known to have its name.
   */
  async publish(file: FileHandle, from: string, to: string): Promise<void> {
    await failpoint?.('file-server.before-file-sync')
    await this.#disk.syncFile(file)
    await file.close()
    await failpoint?.('file-server.before-rename')
    await this.#disk.rename(from, to)
    await failpoint?.('file-server.before-directory-sync')
    await this.#syncNames(dirname(to))
    await failpoint?.('file-server.after-directory-sync')
  }

  /** Moves a durable file to another directory. The new name is synced first, so that at no time there is none. @throws NameNotDurableError */
  async move(from: string, to: string): Promise<void> {
    await failpoint?.('file-server.before-move')
    await this.#disk.rename(from, to)
    await failpoint?.('file-server.after-move')
    await this.#syncNames(dirname(to))
    await this.#syncNames(dirname(from))
  }

  /** Makes durable what has been made in a directory by now. */
  syncDirectory(directory: string): Promise<void> {
    return this.#directories.sync(directory)
  }

  async #syncNames(directory: string): Promise<void> {
    try {
      await this.#directories.sync(directory)
    } catch (cause) {
      throw new NameNotDurableError('the directory could not be synced', { cause })
    }
  }
}
