import type { FileName } from '@holdfast/shared/file-name'
import type { Encoding } from '@holdfast/shared/wire/events'

/** A file on its way in, whatever the body's format. */
export interface IncomingFile {
  /** How `bytes` are to be understood: the file itself, or base64 text of it that nobody has decoded yet. */
  readonly encoding: Encoding
  /** The name, where one came before the bytes. In multipart a field after them may name the file otherwise. */
  readonly earlyName: FileName | null
  /** Name and bytes of a file whose body was short enough to be read whole before this was made. */
  readonly whole?: { readonly name: FileName; readonly bytes: Buffer }
  /**
   * Can be iterated once; leaving the loop early lets the request go. Pieces are never empty and are cut anywhere.
   * Throws a StoreError: INVALID_REQUEST, TOO_LARGE, REQUEST_TIMEOUT, CANCELLED (the client hung up, or the signal).
   */
  readonly bytes: AsyncIterable<Buffer>
  /** Reads the rest of the body after `bytes` has ended. @throws INVALID_REQUEST where a field is missing or the body is broken. */
  finish(): Promise<FileName>
}
