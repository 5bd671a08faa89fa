import { toStoreError } from '@holdfast/shared/errors/store-error'
import type { Logger } from '@holdfast/shared/node/logger'
import type { Lease } from './lease.ts'

/** A loop is a piece of upkeep that repeats. */
export interface Loop {
  readonly name: string
  readonly everyMs: number
  /** Does what there is to do. @returns true where there is more to do at once */
  run(signal: AbortSignal): Promise<boolean>
}

/** Runs the loops, beside each other, while this manager holds the lease. */
export class Upkeep {
  readonly #lease: Lease
  readonly #log: Logger
  readonly #stop = new AbortController()
  readonly #wakers = new Set<() => void>()
  readonly #running: Promise<void>[]

  constructor(lease: Lease, loops: readonly Loop[], log: Logger) {
    this.#lease = lease
    this.#log = log
    this.#running = loops.map((loop) => this.#run(loop))
  }

  /** Wakes the loops where there may be something to do: a file-server has come, say. */
  wake(): void {
    for (const wake of [...this.#wakers]) wake()
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('shutdown'))
    this.wake()
    await Promise.all(this.#running)
  }

  async #run(loop: Loop): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      let hasMore = false
      try {
        if (this.#lease.isHeld) hasMore = await loop.run(signal)
      } catch (thrown) {
        const error = toStoreError(thrown)
        if (!signal.aborted) this.#log.warn({ loop: loop.name, error: error.name, err: error }, 'upkeep will try again')
      }
      if (!hasMore && !signal.aborted) await this.#rest(loop.everyMs)
    }
  }

  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer)
        this.#wakers.delete(finish)
        resolve()
      }
      const timer = setTimeout(finish, ms)
      this.#wakers.add(finish)
    })
  }
}
