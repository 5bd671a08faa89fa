import { StoreError } from '@holdfast/shared/errors/store-error'
import { describe, expect, test } from 'vitest'
import { parseRetryAfter, planRetry } from '../src/retry-policy.ts'

const limits = { maxAttempts: 3, baseMs: 100, maxMs: 5_000 }
const overloaded = { attempt: 0, error: new StoreError('OVERLOADED'), retryAfterMs: null, canSendAgain: true }

describe('planRetry', () => {
  test.each([
    ['waits longer with every attempt', { ...overloaded, attempt: 1 }, 150],
    ['waits as long as the server asks for', { ...overloaded, retryAfterMs: 3_000 }, 3_000],
    ['gives up where the server asks for more than the limit', { ...overloaded, retryAfterMs: 5_001 }, null],
    ['gives up after the last attempt', { ...overloaded, attempt: 2 }, null],
    ['gives up where the body is gone', { ...overloaded, canSendAgain: false }, null],
    ['gives up on what will not change', { ...overloaded, error: new StoreError('FILE_EXISTS') }, null],
  ])('%s', (_, failed, expected) => {
    expect(planRetry(failed, limits, 0.5)).toBe(expected)
  })
})

describe('parseRetryAfter', () => {
  const nowMs = Date.parse('2026-01-01T00:00:00Z')
  test.each([
    ['2', 2_000],
    ['Thu, 01 Jan 2026 00:00:07 GMT', 7_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['soon', null],
    [null, null],
  ])('reads %s', (header, expected) => {
    expect(parseRetryAfter(header, nowMs)).toBe(expected)
  })
})
