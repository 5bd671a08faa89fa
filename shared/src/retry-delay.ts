/**
 * Backs off exponentially, with jitter over the upper half of each delay.
 * @param attempt 0 for the first retry
 * @param random a number in [0, 1)
 * @returns milliseconds
 */
export function retryDelayMs(attempt: number, random: number, limits: { baseMs: number; maxMs: number }): number {
  const ceiling = Math.min(limits.maxMs, limits.baseMs * 2 ** Math.min(attempt, 30))
  return ceiling / 2 + (random * ceiling) / 2
}
