import type { IncomingMessage, ServerResponse } from 'node:http'
import { chooseScanner } from './body-format.ts'
import type { PaceLimits } from './body-pace.ts'
import type { IncomingFile } from './incoming-file.ts'
import { readRequestBytes } from './request-bytes.ts'
import { openScannedFile } from './scanned-file.ts'

export interface IncomingFileOptions {
  /** Of the file itself, decoded. */
  readonly maxFileBytes: number
  /** The request came with `Expect: 100-continue`, and nothing has answered that yet. */
  readonly expectsContinue?: boolean
  readonly pace?: PaceLimits
  readonly signal?: AbortSignal
}

/**
 * Opens the body of `POST /file`: JSON, a form, or multipart. Judges the headers, then reads up to where the file
 * begins; before this call nothing of the body is read.
 * @throws UNSUPPORTED_MEDIA, TOO_LARGE, INVALID_REQUEST, REQUEST_TIMEOUT, CANCELLED
 */
export async function openIncomingFile(
  request: IncomingMessage,
  response: ServerResponse,
  options: IncomingFileOptions,
): Promise<IncomingFile> {
  const scanner = chooseScanner(request.headers, options.maxFileBytes)
  const source = readRequestBytes(request, {
    pace: options.pace,
    signal: options.signal,
    beforeFirstRead: options.expectsContinue ? () => response.writeContinue() : undefined,
  })
  return openScannedFile(source, scanner)
}
