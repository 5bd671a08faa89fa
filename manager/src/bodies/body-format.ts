import type { IncomingHttpHeaders } from 'node:http'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { base64Length } from './base64-meter.ts'
import type { BodyScanner } from './formats/body-scanner.ts'
import { FormFileScanner } from './formats/form-file-scanner.ts'
import { JsonFileScanner } from './formats/json-file-scanner.ts'
import { MultipartFileScanner } from './formats/multipart-file-scanner.ts'
import { SniffingScanner } from './formats/sniffing-scanner.ts'

/** A body's announced length may exceed its base64 by this, for names, other fields and boundaries. */
const SLACK_BYTES = 128 * 1024

/**
 * Chooses how to read a body from its headers alone. @throws UNSUPPORTED_MEDIA, or TOO_LARGE where the announced length
 * leaves no doubt
 */
export function chooseScanner(headers: IncomingHttpHeaders, maxFileBytes: number): BodyScanner {
  refuseEncoded(headers)
  const contentType = headers['content-type'] ?? ''
  const type = mediaTypeOf(headers)
  const scanner = makeScanner(type, contentType, maxFileBytes)
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(contentType)?.[1]?.toLowerCase()
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8') {
    throw new StoreError('UNSUPPORTED_MEDIA', 'the charset must be utf-8')
  }
  const most = base64Length(maxFileBytes) * escapeFactor(type) + SLACK_BYTES
  if (Number(headers['content-length'] ?? 0) > most) throw new StoreError('TOO_LARGE')
  return scanner
}

/** @throws UNSUPPORTED_MEDIA where the bytes that come are not those that are meant */
export function refuseEncoded(headers: IncomingHttpHeaders): void {
  const contentEncoding = headers['content-encoding']?.trim().toLowerCase() ?? ''
  const transferEncoding = headers['transfer-encoding']?.trim().toLowerCase() ?? 'chunked'
  // Of `gzip, chunked` Node would undo only the last.
  if ((contentEncoding !== '' && contentEncoding !== 'identity') || transferEncoding !== 'chunked') {
    throw new StoreError('UNSUPPORTED_MEDIA', 'the body must not be compressed')
  }
}

/** @returns the content type without its parameters, in small letters */
export function mediaTypeOf(headers: IncomingHttpHeaders): string {
  return headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

function makeScanner(type: string, contentType: string, maxFileBytes: number): BodyScanner {
  const makeJson = () => new JsonFileScanner(maxFileBytes)
  switch (type) {
    case 'application/json':
      return makeJson()
    case 'application/x-www-form-urlencoded':
      return new SniffingScanner(makeJson, () => new FormFileScanner(maxFileBytes))
    case 'text/plain':
    case '':
      return new SniffingScanner(makeJson, () => {
        throw unsupported()
      })
    case 'multipart/form-data':
      return new MultipartFileScanner(contentType, maxFileBytes)
    default:
      throw unsupported()
  }
}

/** A form may escape every character of base64 with three. In JSON some encoders escape `/`, which is one character in 64. */
function escapeFactor(type: string): number {
  if (type === 'application/x-www-form-urlencoded') return 3
  return type === 'multipart/form-data' ? 1 : 17 / 16
}

function unsupported(): StoreError {
  return new StoreError('UNSUPPORTED_MEDIA', 'send JSON, a form, or multipart/form-data')
}
