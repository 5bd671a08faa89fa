import type { IncomingMessage } from 'node:http'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import { INLINE_MAX_BYTES } from '@holdfast/shared/limits'
import { announcedDigests, verifyPassing, verifyWhole } from './body-digest.ts'
import { chooseScanner, refuseEncoded } from './body-format.ts'
import type { BodyScanner } from './formats/body-scanner.ts'
import { MultipartUploadScanner } from './formats/multipart-upload-scanner.ts'
import { RawFileScanner } from './formats/raw-file-scanner.ts'
import type { IncomingFile } from './incoming-file.ts'
import { type RequestBytesOptions, readRequestBytes, takeArrived } from './request-bytes.ts'
import { openScannedFile, openScannedFiles } from './scanned-file.ts'
import { wholeFileOf } from './whole-file.ts'

export interface IncomingFileOptions extends RequestBytesOptions {
  /** Each file may have so many bytes, decoded. */
  readonly maxFileBytes: number
}

/** A form with several files arrives like this. */
export interface IncomingFiles {
  /** Holds the field `expires` of the form, which comes before its first file. */
  readonly fields: ReadonlyMap<string, string>
  /**
   * Gives at least one file. Each is read and finished before the next is asked for, and its `finish` reads up to where the
   * next begins. Whoever stops early lets the request go.
   */
  readonly files: AsyncGenerator<IncomingFile, void, undefined>
}

/**
 * Opens the body of `POST /file`, which is JSON, a form, or multipart. It judges the headers, then reads up to where the file
 * begins; before this call nothing of the body is read. Where the client sent a digest of the body (RFC 9530), the file's end
 * is not told before the body is known to have it. @throws UNSUPPORTED_MEDIA, TOO_LARGE, INVALID_REQUEST, DIGEST_MISMATCH,
 * REQUEST_TIMEOUT, CANCELLED
 */
export async function openIncomingFile(request: IncomingMessage, options: IncomingFileOptions): Promise<IncomingFile> {
  const scanner = chooseScanner(request.headers, options.maxFileBytes)
  return openOne(planReading(request, options), scanner)
}

/**
 * Opens a body that is the file itself, whatever its content type. An announced body of no bytes is an empty file. @throws
 * as `openIncomingFile` does
 */
export async function openRawFile(
  request: IncomingMessage,
  options: IncomingFileOptions & { readonly name: FileName },
): Promise<IncomingFile> {
  const { headers } = request
  refuseEncoded(headers)
  if (Number(headers['content-length'] ?? 0) > options.maxFileBytes) throw new StoreError('TOO_LARGE')
  return openOne(planReading(request, options), new RawFileScanner(options.name, options.maxFileBytes))
}

/**
 * Opens a multipart body with one or several files, as `MultipartUploadScanner` says, and reads up to where the first begins.
 * What is wrong with the body later is thrown by the file that is read then, when those before it are complete.
 * @param options.name names the first file, as a field `filename` would
 * @throws as `openIncomingFile` does
 */
export async function openIncomingFiles(
  request: IncomingMessage,
  options: IncomingFileOptions & { readonly name?: FileName | null },
): Promise<IncomingFiles> {
  const { headers } = request
  refuseEncoded(headers)
  const contentType = headers['content-type'] ?? ''
  const scanner = new MultipartUploadScanner(contentType, options.maxFileBytes, options.name ?? null)
  const files = await openScannedFiles(readPassing(planReading(request, options)), scanner)
  return { fields: scanner.options, files }
}

interface Reading {
  readonly request: IncomingMessage
  readonly options: RequestBytesOptions
  /** The body was announced with so many bytes; it is infinite where that is not known. */
  readonly length: number
  /** The body is said to have each of these as its sha-256. */
  readonly digests: readonly Buffer[]
}

/** @throws INVALID_REQUEST */
function planReading(request: IncomingMessage, options: IncomingFileOptions): Reading {
  const { headers } = request
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined)
    throw new StoreError('INVALID_REQUEST', 'no body: neither Content-Length nor Transfer-Encoding announces one')
  return {
    request,
    options,
    length: Number(headers['content-length'] ?? Number.POSITIVE_INFINITY),
    digests: announcedDigests(headers),
  }
}

async function openOne(reading: Reading, scanner: BodyScanner): Promise<IncomingFile> {
  const { request, length, options, digests } = reading
  const isSmall = length <= INLINE_MAX_BYTES
  const arrived = isSmall ? await takeArrived(request, length, options) : null
  if (arrived === null) return openScannedFile(readPassing(reading), scanner, { isSmall })
  verifyWhole(arrived, digests)
  return wholeFileOf(arrived, scanner)
}

function readPassing({ request, options, digests }: Reading): AsyncGenerator<Buffer, void, undefined> {
  const source = readRequestBytes(request, options)
  return digests.length === 0 ? source : verifyPassing(source, digests)
}
