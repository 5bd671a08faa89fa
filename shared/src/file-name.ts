import { StoreError } from './errors/store-error.ts'
import { MAX_FILE_NAME_BYTES } from './limits.ts'

/** A file's name: well-formed Unicode in NFC, 1 to 255 bytes of UTF-8, without control or bidi characters. `/` is allowed. */
export type FileName = string & { readonly brand: 'FileName' }

// C0, DEL, C1, line and paragraph separators, and the characters that turn the reading direction (Trojan Source, CVE-2021-42574).
// biome-ignore lint/suspicious/noControlCharactersInRegex: refusing control characters is its purpose
const forbidden = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/u

/** @throws StoreError INVALID_REQUEST with the reason. */
export function parseFileName(value: unknown): FileName {
  if (typeof value !== 'string') throw new StoreError('INVALID_REQUEST', 'filename must be a string')
  if (value === '') throw new StoreError('INVALID_REQUEST', 'filename must not be empty')
  if (!value.isWellFormed()) throw new StoreError('INVALID_REQUEST', 'filename must be well-formed Unicode')
  const name = value.normalize('NFC')
  if (forbidden.test(name))
    throw new StoreError('INVALID_REQUEST', 'filename must not hold control or bidirectional characters')
  if (new TextEncoder().encode(name).length > MAX_FILE_NAME_BYTES) {
    throw new StoreError('INVALID_REQUEST', `filename must have at most ${MAX_FILE_NAME_BYTES} bytes`)
  }
  return name as FileName
}
