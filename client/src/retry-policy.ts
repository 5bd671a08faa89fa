import { errorRow } from '@holdfast/shared/errors/error-table'
import type { StoreError } from '@holdfast/shared/errors/store-error'
import { retryDelayMs } from '@holdfast/shared/retry-delay'

export interface RetryLimits {
  /** How often a request is sent at most. */
  readonly maxAttempts: number
  readonly baseMs: number
  /** A server that asks for a longer pause than this is taken at its word: the error is reported instead. */
  readonly maxMs: number
}

export const defaultRetryLimits: RetryLimits = { maxAttempts: 4, baseMs: 200, maxMs: 10_000 }

export interface FailedAttempt {
  /** 0 for the first one. */
  readonly attempt: number
  /** What the server answered. An attempt without an answer is not sent again: it may have been carried out. */
  readonly error: StoreError
  /** What its `Retry-After` asks for, or null. */
  readonly retryAfterMs: number | null
  /** Whether the same body can be sent once more. */
  readonly canSendAgain: boolean
}

/** @param random in [0, 1). @returns how long to wait before the next attempt, or null to give up. Milliseconds. */
export function planRetry(failed: FailedAttempt, limits: RetryLimits, random: number): number | null {
  const { attempt, error, retryAfterMs, canSendAgain } = failed
  if (!canSendAgain || !errorRow(error.name).isRetryable || attempt + 1 >= limits.maxAttempts) return null
  if (retryAfterMs !== null && retryAfterMs > limits.maxMs) return null
  return Math.max(retryAfterMs ?? 0, retryDelayMs(attempt, random, limits))
}

/** @param header seconds or an HTTP date (RFC 9110, 10.2.3). @returns milliseconds from `nowMs`, or null. */
export function parseRetryAfter(header: string | null, nowMs: number): number | null {
  if (header === null) return null
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  const at = Date.parse(header)
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs)
}
