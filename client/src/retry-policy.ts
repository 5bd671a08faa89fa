import { errorRow } from '@holdfast/shared/errors/error-table'
import type { StoreError } from '@holdfast/shared/errors/store-error'
import { retryDelayMs } from '@holdfast/shared/retry-delay'

export interface RetryLimits {
  /** A request is sent this often at most, the first time included. */
  readonly maxAttempts: number
  readonly baseMs: number
  /** When a server asks for a longer pause than this, the error is reported instead of waiting. */
  readonly maxMs: number
}

export const defaultRetryLimits: RetryLimits = { maxAttempts: 4, baseMs: 200, maxMs: 10_000 }

export interface FailedAttempt {
  /** The first attempt has the number 0. */
  readonly attempt: number
  /** The server answered this. An attempt without an answer is not sent again, because it may have been carried out. */
  readonly error: StoreError
  /** The answer's `Retry-After` asks for so many milliseconds; it is null where there is none. */
  readonly retryAfterMs: number | null
  /** A body from a bare iterable, for one, cannot be sent a second time. */
  readonly canSendAgain: boolean
}

/** @param random is in [0, 1). @returns how many milliseconds to wait before the next attempt, or null to give up. */
export function planRetry(failed: FailedAttempt, limits: RetryLimits, random: number): number | null {
  const { attempt, error, retryAfterMs, canSendAgain } = failed
  if (!canSendAgain || !errorRow(error.name).isRetryable || attempt + 1 >= limits.maxAttempts) return null
  if (retryAfterMs !== null && retryAfterMs > limits.maxMs) return null
  return Math.max(retryAfterMs ?? 0, retryDelayMs(attempt, random, limits))
}

/** @param header has seconds or an HTTP date (RFC 9110, 10.2.3). @returns milliseconds from `nowMs`, or null. */
export function parseRetryAfter(header: string | null, nowMs: number): number | null {
  if (header === null) return null
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  const at = Date.parse(header)
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs)
}
