import { isTooManyOpen } from './disk-health.ts'

interface Group {
  readonly running: Promise<void>
  next: Promise<void> | null
}

/**
 * Runs at most one fsync at a time for a directory. Whoever asks while one runs waits for the next one, which all who
 * asked meanwhile share, because the running one may have begun before their rename.
 */
export class GroupedSync {
  readonly #fsync: (directory: string) => Promise<void>
  readonly #groups = new Map<string, Group>()
  /** The kernel tells of a lost write once, so a later fsync that succeeds says nothing. */
  readonly #failed = new Map<string, unknown>()

  constructor(fsync: (directory: string) => Promise<void>) {
    this.#fsync = fsync
  }

  sync(directory: string): Promise<void> {
    const group = this.#groups.get(directory)
    if (group === undefined) return this.#start(directory)
    group.next ??= Promise.allSettled([group.running]).then(() => this.#start(directory))
    return group.next
  }

  #start(directory: string): Promise<void> {
    const group: Group = { running: this.#run(directory), next: null }
    this.#groups.set(directory, group)
    const forget = (): void => {
      if (group.next === null && this.#groups.get(directory) === group) this.#groups.delete(directory)
    }
    group.running.then(forget, forget)
    return group.running
  }

  async #run(directory: string): Promise<void> {
    if (this.#failed.has(directory)) throw this.#failed.get(directory)
    try {
      await this.#fsync(directory)
    } catch (error) {
      // A directory that could not be opened for want of file descriptors was not synced, but nothing of it is lost.
      if (!isTooManyOpen(error)) this.#failed.set(directory, error)
      throw error
    }
  }
}
