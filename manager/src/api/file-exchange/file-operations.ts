import type { ErrorName } from '@holdfast/shared/errors/error-table'
import { z } from 'zod'
import { binary, count } from '../../http/openapi.ts'

/** The operations of several interfaces are described with these. */
export const digests = z.object({
  'Content-Digest': z.string().describe('sha-256=:BASE64: of the body (RFC 9530)').optional(),
  'Repr-Digest': z.string().describe('The same, for a body is the whole representation').optional(),
})

const header = z.string().optional()
export const changePreconditions = z.object({
  'If-Match': header,
  'If-None-Match': header,
  'If-Unmodified-Since': header,
})
export const preconditions = changePreconditions.extend({ 'If-Modified-Since': header })

const fileHeaders = z.object({
  'Content-Length': count.describe('Size in bytes'),
  'Content-Type': z.string().describe('From the name, or else from the bytes'),
  'Content-Disposition': z.string().describe('attachment, but for types that are safe to show'),
  ETag: z.string().describe('The sha-256 of the file, 64 hex digits in quotes'),
  'Last-Modified': z.string().describe('When the file was stored'),
  'X-Content-Type-Options': z.string().describe('nosniff'),
})

export const bytes = { '*/*': binary }
export const notModified = { description: 'If-None-Match names the ETag, or nothing is newer than If-Modified-Since' }
export const etagHeader = fileHeaders.pick({ ETag: true })

/** Every upload may be refused with these. */
export const uploadErrors = [
  'SERVERS_UNAVAILABLE',
  'INVALID_REQUEST',
  'TOO_LARGE',
  'DIGEST_MISMATCH',
  'UNSUPPORTED_MEDIA',
  'REQUEST_TIMEOUT',
  'INSUFFICIENT_STORAGE',
  'OVERLOADED',
] as const satisfies ErrorName[]

/** These describe the headers of a download, and the bytes with them where it is a GET. */
export const downloadAnswers = {
  200: {
    description: 'The bytes; a response that ends early or breaks off is not the file',
    headers: fileHeaders,
    content: bytes,
  },
  206: {
    description: 'The one range that was asked for',
    headers: fileHeaders.extend({ 'Content-Range': z.string().describe('bytes START-END/SIZE') }),
    content: bytes,
  },
  304: notModified,
}
export const describeAnswers = {
  200: { description: 'As for GET, without the bytes', headers: fileHeaders },
  304: notModified,
}
export const downloadHeaders = z.object({ Range: header, 'If-Range': header, ...preconditions.shape })
export const downloadErrors = [
  'FILE_NOT_FOUND',
  'FILE_UNAVAILABLE',
  'INVALID_REQUEST',
  'PRECONDITION_FAILED',
  'RANGE_NOT_SATISFIABLE',
  'OVERLOADED',
] as const satisfies ErrorName[]
