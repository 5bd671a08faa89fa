/** An upload that is refused so often, or cut while the store answers otherwise, is given up. */
export const MAX_FAILURES = 8

const FIRST_MS = 1_000
const LONGEST_MS = 15_000

/** These say that a later attempt may go well: too many at once, or something behind the manager is away. */
export function isWorthRetrying(status: number): boolean {
  return status === 408 || status === 429 || status === 500 || (status >= 502 && status <= 504)
}

/** Doubles the wait with each failure, and spreads it, so that many do not come back at once. @param random from 0 to 1 */
export function retryDelayMs(failures: number, random: number): number {
  const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.max(0, failures - 1))
  return Math.round(longest * (0.75 + random / 2))
}
