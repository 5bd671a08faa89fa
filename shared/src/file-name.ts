import { StoreError } from './errors/store-error.ts'
import { MAX_FILE_NAME_BYTES } from './limits.ts'

/**
 * A file's name is well-formed Unicode in NFC of 1 to 255 bytes of UTF-8, without control or bidi characters. It may hold
 * `/`, but `.` and `..` are no names, for every URL parser resolves them, escaped or not.
 */
export type FileName = string & { readonly brand: 'FileName' }

// These characters could deceive whoever reads the name: controls, separators of lines and paragraphs, the byte order mark,
// and what turns the reading direction (Trojan Source, CVE-2021-42574).
const forbidden = /[\p{Cc}\p{Bidi_Control}\u2028\u2029\ufeff]/u

/**
 * Parses a file's name. The length is measured before normalisation too: a few characters grow by it, most shrink, and both
 * the name that was given and the one that is stored have to fit. @throws StoreError INVALID_REQUEST with the reason
 */
export function parseFileName(value: unknown): FileName {
  if (typeof value !== 'string') throw new StoreError('INVALID_REQUEST', 'filename must be a string')
  if (value === '') throw new StoreError('INVALID_REQUEST', 'filename must not be empty')
  if (!value.isWellFormed()) throw new StoreError('INVALID_REQUEST', 'filename must be well-formed Unicode')
  if (!isShortEnough(value)) throw tooLong()
  const name = value.normalize('NFC')
  if (!isShortEnough(name)) throw tooLong()
  if (forbidden.test(name))
    throw new StoreError('INVALID_REQUEST', 'filename must not hold control or bidirectional characters')
  if (isDotSegment(name)) throw new StoreError('INVALID_REQUEST', 'filename must not be . or .., which fit into no URL')
  return name as FileName
}

/**
 * Reads the name in a request path, where `/file/a/b` and `/file/a%2Fb` are the same one.
 * @param rawPath what follows `/file/`, undecoded and without the query, one character a byte as `node:http` gives it
 * @throws StoreError INVALID_REQUEST
 */
export function decodeFileNamePath(rawPath: string): FileName {
  // Some clients send UTF-8 unescaped. It is escaped here, so that the next step decodes it with the rest.
  const escaped = rawPath.replace(/[\u0080-\u00ff]/g, (character) => `%${character.charCodeAt(0).toString(16)}`)
  let text: string
  try {
    text = decodeURIComponent(escaped)
  } catch (error) {
    throw new StoreError('INVALID_REQUEST', 'the path holds a bad escape, or is not UTF-8', { cause: error })
  }
  return parseFileName(text)
}

/**
 * Inverts `decodeFileNamePath`. Names get into URLs only through here: `/` stays as it is unless a segment is `.` or `..`;
 * then every `/` is escaped, which makes the whole name one segment that no URL parser resolves.
 */
export function encodeFileNamePath(name: FileName): string {
  const segments = name.split('/')
  return segments.map(encodeURIComponent).join(segments.some(isDotSegment) ? '%2F' : '/')
}

function isDotSegment(segment: string): boolean {
  return segment === '.' || segment === '..'
}

function isShortEnough(text: string): boolean {
  // A unit of UTF-16 takes at most three bytes of UTF-8, so most names need not be encoded to be judged.
  if (text.length * 3 <= MAX_FILE_NAME_BYTES) return true
  return text.length <= MAX_FILE_NAME_BYTES && new TextEncoder().encode(text).length <= MAX_FILE_NAME_BYTES
}

function tooLong(): StoreError {
  return new StoreError('INVALID_REQUEST', `filename must have at most ${MAX_FILE_NAME_BYTES} bytes`)
}
