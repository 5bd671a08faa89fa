import type { FileName } from '@holdfast/shared/file-name'
import type { Encoding } from '@holdfast/shared/wire/shapes'

/**
 * A body holds these in the order of its bytes: a name, which a later one replaces, and one file, whose bytes come between
 * `file` and `file-end`.
 */
export type BodyEvent =
  | { readonly kind: 'name'; readonly name: FileName }
  | { readonly kind: 'file'; readonly encoding: Encoding }
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'file-end' }

/**
 * Reads one format of body without I/O: it takes bytes cut anywhere, and gives events. It throws StoreErrors, and is not used
 * again after one.
 */
export interface BodyScanner {
  push(chunk: Buffer): readonly BodyEvent[]
  /** Ends a body that is complete. @throws INVALID_REQUEST where it should not be, or where the name or the file never came */
  end(): readonly BodyEvent[]
}

/** A body may hold so much beside the file's own bytes. */
export const MAX_BESIDE_FILE_BYTES = 64 * 1024
