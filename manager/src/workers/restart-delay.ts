import { retryDelayMs } from '@holdfast/shared/retry-delay'

/** A worker that served for this long had started well. */
const GOOD_AFTER_MS = 10_000
const BACK_OFF = { baseMs: 500, maxMs: 30_000 }

export interface WorkerEnd {
  /** Counts the milliseconds since its start. */
  readonly livedMs: number
  readonly hasServed: boolean
  /** So many workers in a row did not last in this place before it. */
  readonly failureCount: number
}

export interface Restart {
  readonly delayMs: number
  readonly failureCount: number
}

/**
 * Restarts a worker at once where it had started well or failed for the first time. Those that keep failing wait longer each
 * time.
 */
export function planRestart({ livedMs, hasServed, failureCount }: WorkerEnd, random: number): Restart {
  if (hasServed && livedMs >= GOOD_AFTER_MS) return { delayMs: 0, failureCount: 0 }
  const isFirst = failureCount === 0 && hasServed
  return { delayMs: isFirst ? 0 : retryDelayMs(failureCount, random, BACK_OFF), failureCount: failureCount + 1 }
}
