import type { FileName } from '@holdfast/shared/file-name'
import type { IncomingBytes } from './incoming-bytes.ts'

/** A file comes in like this, whatever the body's format. */
export interface IncomingFile {
  /** The name stands here where one came before the bytes. In multipart a field after them may name the file otherwise. */
  readonly earlyName: FileName | null
  /**
   * Whoever reads them may meet INVALID_REQUEST, TOO_LARGE, REQUEST_TIMEOUT or CANCELLED (the client hung up, or the signal).
   * Pieces are never empty and are cut anywhere.
   */
  readonly bytes: IncomingBytes
  /**
   * Reads the rest of the body after `bytes` has ended. @throws INVALID_REQUEST where a field is missing or the body is
   * broken
   */
  finish(): Promise<FileName>
}
