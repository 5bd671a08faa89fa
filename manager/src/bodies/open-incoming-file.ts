import type { IncomingMessage, ServerResponse } from 'node:http'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { INLINE_MAX_BYTES } from '@holdfast/shared/limits'
import { chooseScanner } from './body-format.ts'
import type { IncomingFile } from './incoming-file.ts'
import { type Caller, readRequestBytes } from './request-bytes.ts'
import { openScannedFile } from './scanned-file.ts'
import { openWholeFile } from './whole-file.ts'

export interface IncomingFileOptions {
  /** The file itself may have so many bytes, decoded. */
  readonly maxFileBytes: number
  /** Whether the request came with `Expect: 100-continue`, and nothing has answered that yet. */
  readonly expectsContinue?: boolean
  /** The client may fall so far behind the slowest pace. */
  readonly patienceMs: number
  readonly caller?: Caller
}

/**
 * Opens the body of `POST /file`, which is JSON, a form, or multipart. It judges the headers, then reads up to where the file
 * begins; before this call nothing of the body is read. @throws UNSUPPORTED_MEDIA, TOO_LARGE, INVALID_REQUEST,
 * REQUEST_TIMEOUT, CANCELLED
 */
export async function openIncomingFile(
  request: IncomingMessage,
  response: ServerResponse,
  options: IncomingFileOptions,
): Promise<IncomingFile> {
  const { headers } = request
  const scanner = chooseScanner(headers, options.maxFileBytes)
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined)
    throw new StoreError('INVALID_REQUEST', 'no body: neither Content-Length nor Transfer-Encoding announces one')
  const reading = {
    patienceMs: options.patienceMs,
    caller: options.caller,
    beforeFirstRead: options.expectsContinue ? () => response.writeContinue() : undefined,
  }
  const length = Number(headers['content-length'] ?? Number.POSITIVE_INFINITY)
  if (length <= INLINE_MAX_BYTES) return openWholeFile(request, length, scanner, reading)
  return openScannedFile(readRequestBytes(request, reading), scanner)
}
