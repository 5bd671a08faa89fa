import { z } from 'zod'
import { binary, errorsAnywhere, json, type Operation } from '../../http/openapi.ts'
import { fileDescription } from '../file-exchange/file-description.ts'
import {
  bytes,
  describeAnswers,
  digests,
  downloadAnswers,
  downloadErrors,
  downloadHeaders,
  preconditions,
  uploadErrors,
} from '../file-exchange/file-operations.ts'
import { uploadQuery } from '../file-exchange/upload-wish.ts'

export const shareQuery = uploadQuery.extend({
  name: z.string().optional().describe('A label, which others may have too'),
  link: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .optional()
    .describe(
      'The id that the file is to have: 128 random bits of the client. It may send one file again with it whose answer was lost, for an id that is taken is refused',
    ),
})

export const downloadQuery = z.object({
  direct: z
    .enum(['true', 'false'])
    .optional()
    .describe('false: the manager sends the bytes itself, also with DIRECT_DOWNLOADS'),
})

/** Bodies of uploads are scanned, not parsed, so that their files can be of any size. */
const files = z.object({ expires: z.string().optional(), file: z.array(binary) })
const form = z.object({ filename: z.string(), file: z.string() })
const path = z.object({ id: z.string().regex(/^[0-9a-f]{32}$/) })

export const shareOperations: readonly Operation[] = [
  {
    method: 'post',
    path: '/upload',
    operationId: 'shareFiles',
    summary: 'Store one or several files, each under a link that nobody can guess',
    parameters: { query: shareQuery, header: digests.extend({ 'Content-Disposition': z.string().optional() }) },
    body: {
      description:
        'multipart/form-data has one or several files. Any other body is the file itself where `?name=` or Content-Disposition names it; else x-www-form-urlencoded is a form with base64, and what comes under another type is a file under a made name.',
      content: { 'multipart/form-data': files, 'application/x-www-form-urlencoded': form, ...bytes },
    },
    answers: {
      201: {
        description: 'Stored durably: one file, or a list of several; a browser whose form it was gets a page of HTML',
        headers: z.object({ Location: z.string().optional().describe('Where the file is, if it is one') }),
        content: { ...json(z.union([fileDescription, z.array(fileDescription)])), 'text/html': z.string() },
      },
    },
    errors: ['FILE_EXISTS', ...uploadErrors, ...errorsAnywhere],
  },
  {
    method: 'get',
    path: '/download/{id}',
    operationId: 'downloadShare',
    summary: 'The bytes of a file that is known by its link',
    parameters: { path, query: downloadQuery, header: downloadHeaders },
    answers: {
      ...downloadAnswers,
      307: {
        description: 'With DIRECT_DOWNLOADS: the file-server that has all of the file sends the same bytes and headers',
        headers: z.object({ Location: z.string().describe('A signed link that expires, to be followed at once') }),
      },
    },
    errors: [...downloadErrors, ...errorsAnywhere],
  },
  {
    method: 'head',
    path: '/download/{id}',
    operationId: 'describeShare',
    summary: 'The headers of a download',
    parameters: { path, header: preconditions },
    answers: describeAnswers,
    errors: ['FILE_NOT_FOUND', 'PRECONDITION_FAILED', ...errorsAnywhere],
  },
]
