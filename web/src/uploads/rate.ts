/** Older bytes count less, by half after so long. */
const HALF_LIFE_MS = 2_000

export interface Rate {
  readonly bytesPerSecond: number
  readonly at: number
  readonly total: number
}

export const noRate = (now: number, total = 0): Rate => ({ bytesPerSecond: 0, at: now, total })

/** Takes a new total into the rate. What goes back, as at a new attempt, begins anew. */
export function rateAfter(rate: Rate, total: number, now: number): Rate {
  const elapsed = now - rate.at
  if (total < rate.total) return noRate(now, total)
  if (elapsed < 100) return rate
  const current = ((total - rate.total) * 1_000) / elapsed
  const weight = rate.bytesPerSecond === 0 ? 1 : 1 - 0.5 ** (elapsed / HALF_LIFE_MS)
  return { bytesPerSecond: rate.bytesPerSecond + (current - rate.bytesPerSecond) * weight, at: now, total }
}

/** @returns null where it cannot be told */
export function secondsLeft(rate: Rate, remainingBytes: number): number | null {
  return rate.bytesPerSecond < 1 ? null : remainingBytes / rate.bytesPerSecond
}
