import { setMaxListeners } from 'node:events'
import { toStoreError } from '@holdfast/shared/errors/store-error'
import type { Logger } from '@holdfast/shared/node/logger'
import type { Lease } from './lease.ts'

/** A loop tells this of its work, as far as it knows it. */
export interface Progress {
  /** Says why there is something to do and nothing that can be done. */
  readonly stuck?: string
  readonly done: number
  readonly remaining: number | null
  readonly bytesPerSecond: number | null
  readonly secondsLeft: number | null
}

/** A loop is a piece of upkeep that repeats. */
export interface Loop {
  readonly name: string
  readonly everyMs: number
  /** Does what there is to do. @returns true where there is more to do at once */
  run(signal: AbortSignal): Promise<boolean>
  progress?(): Progress
}

export interface LoopStatus extends Omit<Progress, 'stuck'> {
  readonly name: string
  readonly state: 'resting' | 'working' | 'stuck'
  readonly detail?: string
  readonly lastRunAt: string | null
  readonly lastError?: string
}

/** This is kept of a loop from one round to the next. */
interface Running {
  readonly loop: Loop
  isWorking: boolean
  /** Somebody woke it while it was working, so that it does not rest after that. */
  isWoken: boolean
  wake: () => void
  lastRunAt: Date | null
  lastError: string | null
}

const NOTHING_TOLD: Progress = { done: 0, remaining: null, bytesPerSecond: null, secondsLeft: null }

/** Runs the loops, beside each other, while this manager holds the lease. */
export class Upkeep {
  readonly #lease: Lease
  readonly #log: Logger
  readonly #stop = new AbortController()
  readonly #loops: readonly Running[]
  readonly #ended: Promise<unknown>

  constructor(lease: Lease, loops: readonly Loop[], log: Logger) {
    this.#lease = lease
    this.#log = log
    // Every copy and every wait of all loops may listen to it at once.
    setMaxListeners(0, this.#stop.signal)
    const idle = { isWorking: false, isWoken: false, wake: () => undefined, lastRunAt: null, lastError: null }
    this.#loops = loops.map((loop) => ({ loop, ...idle }))
    this.#ended = Promise.all(this.#loops.map((running) => this.#run(running)))
  }

  /**
   * Wakes the loops where there may be something to do: a file-server has come, say.
   * @param name the only loop to wake, unless it is every one
   */
  wake(name?: string): void {
    for (const running of this.#loops) {
      if (name !== undefined && running.loop.name !== name) continue
      running.isWoken = true
      running.wake()
    }
  }

  statuses(): LoopStatus[] {
    return this.#loops.map(({ loop, isWorking, lastRunAt, lastError }) => {
      const { stuck, ...progress } = loop.progress?.() ?? NOTHING_TOLD
      return {
        name: loop.name,
        state: stuck !== undefined ? 'stuck' : isWorking ? 'working' : 'resting',
        ...(stuck !== undefined && { detail: stuck }),
        ...progress,
        lastRunAt: lastRunAt?.toISOString() ?? null,
        ...(lastError !== null && { lastError }),
      }
    })
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('shutdown'))
    this.wake()
    await this.#ended
  }

  async #run(running: Running): Promise<void> {
    const { signal } = this.#stop
    const { loop } = running
    while (!signal.aborted) {
      let hasMore = false
      running.isWoken = false
      try {
        if (this.#lease.isHeld) {
          running.isWorking = true
          running.lastRunAt = new Date()
          hasMore = await loop.run(signal)
          running.lastError = null
        }
      } catch (thrown) {
        const error = toStoreError(thrown)
        running.lastError = error.name
        if (!signal.aborted) this.#log.warn({ loop: loop.name, error: error.name, err: error }, 'upkeep will try again')
      }
      if (hasMore || signal.aborted) continue
      running.isWorking = false
      if (!running.isWoken) await this.#rest(running)
    }
  }

  #rest(running: Running): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(finish, running.loop.everyMs)
      running.wake = finish
    })
  }
}
