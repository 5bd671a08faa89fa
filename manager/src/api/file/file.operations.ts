import { z } from 'zod'
import { binary, count, dateTime, digest, errorsAnywhere, json, type Operation } from '../../http/openapi.ts'
import {
  bytes,
  changePreconditions,
  describeAnswers,
  digests,
  downloadAnswers,
  downloadErrors,
  downloadHeaders,
  etagHeader,
  preconditions,
  uploadErrors,
} from '../file-exchange/file-operations.ts'
import { uploadQuery } from '../file-exchange/upload-wish.ts'

const storedFile = z
  .object({
    filename: z.string(),
    id: z.string().regex(/^[0-9a-f]{24}$/),
    sizeBytes: count,
    sha256: digest,
    contentType: z.string(),
    class: z.enum(['single', 'replicated']),
    createdAt: dateTime,
    expiresAt: dateTime.optional(),
    degraded: z.literal(true).optional().describe('Fewer file-servers have it yet than should'),
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

export const fileOperations: readonly Operation[] = [
  {
    method: 'post',
    path: '/file',
    operationId: 'uploadFile',
    summary: 'Store a file under a name that is free',
    parameters: { query: uploadQuery, header: digests },
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
    errors: ['FILE_EXISTS', ...uploadErrors, ...errorsAnywhere],
  },
  {
    method: 'get',
    path: '/file/{filename}',
    operationId: 'downloadFile',
    summary: 'The bytes of a file',
    parameters: { path, header: downloadHeaders },
    answers: downloadAnswers,
    errors: [...downloadErrors, ...errorsAnywhere],
  },
  {
    method: 'head',
    path: '/file/{filename}',
    operationId: 'describeFile',
    summary: 'The headers of a download',
    parameters: { path, header: preconditions },
    answers: describeAnswers,
    errors: ['FILE_NOT_FOUND', 'INVALID_REQUEST', 'PRECONDITION_FAILED', ...errorsAnywhere],
  },
  {
    method: 'put',
    path: '/file/{filename}',
    operationId: 'replaceFile',
    summary: 'Store the body under this name, in the place of what has it',
    parameters: { path, query: uploadQuery, header: z.object({ ...changePreconditions.shape, ...digests.shape }) },
    body: { description: 'The file itself, whatever its content type', content: bytes },
    answers: {
      200: {
        description: 'Stored durably; what had the name is replaced',
        headers: etagHeader,
        content: json(storedFile),
      },
      201: { description: 'Stored durably; the name was free', headers: etagHeader, content: json(storedFile) },
    },
    errors: ['PRECONDITION_FAILED', ...uploadErrors, ...errorsAnywhere],
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
