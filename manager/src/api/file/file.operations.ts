import { z } from 'zod'
import { binary, count, dateTime, digest, errorsAnywhere, json, type Operation } from '../../http/openapi.ts'

const storedFile = z
  .object({
    filename: z.string(),
    id: z.string().regex(/^[0-9a-f]{24}$/),
    sizeBytes: count,
    sha256: digest,
    contentType: z.string(),
    createdAt: dateTime,
  })
  .meta({ id: 'StoredFile' })

export type StoredFile = Readonly<z.output<typeof storedFile>>

const deletedFile = z.object({ filename: z.string(), id: z.string() }).meta({ id: 'DeletedFile' })

export type DeletedFile = Readonly<z.output<typeof deletedFile>>

/** The body of an upload is scanned, not parsed, so that its file can be of any size: `bodies/open-incoming-file.ts`. */
const upload = z.object({ filename: z.string(), file: z.string() })
const formUpload = z
  .object({ filename: z.string().optional(), file: binary })
  .describe('A `file` part with a file name is taken as it is; without one it is base64 and `filename` is required')

const path = z.object({
  filename: z.string().describe('Percent-encoded UTF-8; a slash may stand as it is or as %2F'),
})

const digests = z.object({
  'Content-Digest': z.string().describe('sha-256=:BASE64: of the body (RFC 9530)').optional(),
  'Repr-Digest': z.string().describe('The same, for a body is the whole representation').optional(),
})

const header = z.string().optional()
const preconditions = z.object({
  'If-Match': header,
  'If-None-Match': header,
  'If-Unmodified-Since': header,
  'If-Modified-Since': header,
})

const fileHeaders = z.object({
  'Content-Length': count.describe('Size in bytes'),
  'Content-Type': z.string().describe('From the name, or else from the bytes'),
  'Content-Disposition': z.string().describe('attachment, but for types that are safe to show'),
  ETag: z.string().describe('The sha-256 of the file, 64 hex digits in quotes'),
  'Last-Modified': z.string().describe('When the file was stored'),
  'X-Content-Type-Options': z.string().describe('nosniff'),
})

const bytes = { '*/*': binary }
const notModified = { description: 'If-None-Match names the ETag, or nothing is newer than If-Modified-Since' }

export const fileOperations: readonly Operation[] = [
  {
    method: 'post',
    path: '/file',
    operationId: 'uploadFile',
    summary: 'Store a file under a name that is free',
    parameters: { header: digests },
    body: {
      description: '`file` is base64, in either order with `filename`. JSON is also taken as x-www-form-urlencoded.',
      content: {
        ...json(upload),
        'application/x-www-form-urlencoded': upload,
        'multipart/form-data': formUpload,
      },
    },
    answers: {
      201: {
        description: 'Stored durably',
        headers: z.object({ Location: z.string().describe('Where the file is, whatever its name holds') }),
        content: json(storedFile),
      },
    },
    errors: [
      'SERVERS_UNAVAILABLE',
      'FILE_EXISTS',
      'INVALID_REQUEST',
      'TOO_LARGE',
      'DIGEST_MISMATCH',
      'UNSUPPORTED_MEDIA',
      'REQUEST_TIMEOUT',
      'INSUFFICIENT_STORAGE',
      'OVERLOADED',
      ...errorsAnywhere,
    ],
  },
  {
    method: 'get',
    path: '/file/{filename}',
    operationId: 'downloadFile',
    summary: 'The bytes of a file',
    parameters: { path, header: z.object({ Range: header, 'If-Range': header, ...preconditions.shape }) },
    answers: {
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
    },
    errors: [
      'FILE_NOT_FOUND',
      'FILE_UNAVAILABLE',
      'INVALID_REQUEST',
      'PRECONDITION_FAILED',
      'RANGE_NOT_SATISFIABLE',
      'OVERLOADED',
      ...errorsAnywhere,
    ],
  },
  {
    method: 'head',
    path: '/file/{filename}',
    operationId: 'describeFile',
    summary: 'The headers of a download',
    parameters: { path, header: preconditions },
    answers: {
      200: { description: 'As for GET, without the bytes', headers: fileHeaders },
      304: notModified,
    },
    errors: ['FILE_NOT_FOUND', 'INVALID_REQUEST', 'PRECONDITION_FAILED', ...errorsAnywhere],
  },
  {
    method: 'delete',
    path: '/file/{filename}',
    operationId: 'deleteFile',
    summary: 'Delete a file, also while its file-server is away',
    parameters: { path, header: preconditions },
    answers: { 200: { description: 'Deleted; the name is free', content: json(deletedFile) } },
    errors: ['FILE_NOT_FOUND', 'INVALID_REQUEST', 'PRECONDITION_FAILED', ...errorsAnywhere],
  },
]
