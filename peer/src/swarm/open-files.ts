import { type FileHandle, open } from 'node:fs/promises'

/** At most this many files of a torrent stay open. */
const MAX_OPEN = 16

interface Opened {
  readonly handle: Promise<FileHandle>
  users: number
  /** Tells whether the last user closes it. */
  isLeft: boolean
}

/** Keeps open the files that were used last, because opening one takes longer than reading a block of it. */
export class OpenFiles {
  readonly #flags: string
  /** Holds the open files by their paths; those that were used last stand at the end. */
  readonly #opened = new Map<string, Opened>()

  /** @param flags as `open` takes them */
  constructor(flags: 'r' | 'r+') {
    this.#flags = flags
  }

  /** Has a file worked with, which is not closed meanwhile. */
  async use<T>(path: string, work: (handle: FileHandle) => Promise<T>): Promise<T> {
    const opened = this.#opened.get(path) ?? { handle: open(path, this.#flags), users: 0, isLeft: false }
    this.#opened.delete(path)
    this.#opened.set(path, opened)
    opened.users += 1
    try {
      if (this.#opened.size > MAX_OPEN) await this.#leaveOldest()
      return await work(await opened.handle)
    } catch (error) {
      // It may be there the next time.
      if (this.#opened.get(path) === opened) this.#leave(path, opened)
      throw error
    } finally {
      opened.users -= 1
      await closeUnused(opened)
    }
  }

  /** Closes all that nobody works with, and the others once that ends. What is used afterwards is opened again. */
  async close(): Promise<void> {
    const all = [...this.#opened]
    for (const [path, opened] of all) this.#leave(path, opened)
    await Promise.all(all.map(([, opened]) => closeUnused(opened)))
  }

  async #leaveOldest(): Promise<void> {
    for (const [path, opened] of this.#opened) {
      this.#leave(path, opened)
      return closeUnused(opened)
    }
  }

  #leave(path: string, opened: Opened): void {
    this.#opened.delete(path)
    opened.isLeft = true
  }
}

async function closeUnused({ handle, users, isLeft }: Opened): Promise<void> {
  if (!isLeft || users > 0) return
  const open = await handle.catch(() => null)
  await open?.close()
}
