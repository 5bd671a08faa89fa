import parseRange from 'range-parser'
import { StoreError } from '../errors/store-error.ts'

/** A range holds the bytes `start` to `end` of a file, `end` not included. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/**
 * Reads the one range that a request asks for (RFC 9110 section 14), or null for the whole file. @throws
 * RANGE_NOT_SATISFIABLE
 */
export function byteRangeOf(header: string | undefined, sizeBytes: number): ByteRange | null {
  // No range of an empty file can be satisfied, and whoever asks for a file piece by piece would never get it.
  if (header === undefined || sizeBytes === 0) return null
  const suffix = /^bytes=-(\d+)$/.exec(header)
  // The parser refuses a suffix longer than the file, which asks for all of it.
  if (suffix !== null && Number(suffix[1]) >= sizeBytes) return { start: 0, end: sizeBytes }
  const ranges = parseRange(sizeBytes, header)
  if (ranges === -1) throw new StoreError('RANGE_NOT_SATISFIABLE', `the file has ${sizeBytes} bytes`)
  // The whole file is a correct answer to a malformed header, another unit, or several ranges.
  if (ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return null
  const [range] = ranges
  return range === undefined ? null : { start: range.start, end: range.end + 1 }
}
