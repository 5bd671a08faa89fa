import { StoreError } from '@holdfast/shared/errors/store-error'

const MS_PER_UNIT = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const
const LONGEST_MS = 36_525 * MS_PER_UNIT.d

/** It matches `date-time` and `full-date` of RFC 3339. A `+` that nobody escaped in a query arrives as a space. */
const dateTime = /^(\d{4}-\d\d-\d\d)(?:[Tt](\d\d:\d\d:\d\d(?:\.\d{1,9})?)([Zz]|[+ -]\d\d:\d\d))?$/

/** Gives the moment at which what begins at `start` expires. */
export type Expiry = (start: Date) => Date

/**
 * Reads when a file expires: after a duration, as in `90s`, `15m`, `12h`, `7d` or `2w`, or at a date of RFC 3339 (one without
 * a time is midnight UTC).
 * @param field names the text in the error
 * @throws INVALID_REQUEST where it is neither, where it is past at `now`, or more than 100 years away
 */
export function parseExpiry(text: string, now: Date, field = 'expires'): Expiry {
  const durationMs = readDuration(text)
  const ms = durationMs ?? readDate(text, field) - now.getTime()
  if (ms <= 0) throw new StoreError('INVALID_REQUEST', `${field} must be in the future`)
  if (ms > LONGEST_MS) throw new StoreError('INVALID_REQUEST', `${field} must be within 100 years`)
  const end = now.getTime() + ms
  return durationMs === null ? () => new Date(end) : (start) => new Date(start.getTime() + durationMs)
}

function readDuration(text: string): number | null {
  const [, count, unit] = /^(\d{1,15})([smhdw])$/.exec(text) ?? []
  return count === undefined ? null : Number(count) * MS_PER_UNIT[unit as keyof typeof MS_PER_UNIT]
}

function readDate(text: string, field: string): number {
  const [, date, time = '00:00:00', offset = 'Z'] = dateTime.exec(text) ?? []
  const at = date === undefined ? Number.NaN : Date.parse(`${date}T${time}${offset.toUpperCase().replace(' ', '+')}`)
  // A day that its month does not have would be read as one of the next month.
  if (date === undefined || Number.isNaN(at) || new Date(`${date}T00:00:00Z`).toISOString().slice(0, 10) !== date)
    throw new StoreError(
      'INVALID_REQUEST',
      `${field} must be a duration such as 90s, 15m, 12h, 7d or 2w, or a date (RFC 3339)`,
    )
  return at
}
