import { z } from 'zod'
import { bodyErrors, count, digest, errorsAnywhere, json, type Operation } from '../../http/openapi.ts'
import { fileDescription } from '../file-exchange/file-description.ts'

const MAX_PAGE = 1_000

export const listQuery = z.object({
  prefix: z.string().max(255).default('').describe('Only names that begin with it'),
  q: z.string().max(255).default('').describe('Only names that have it in them, in whatever case'),
  sort: z.enum(['name', 'size', 'date']).default('name').describe('Those with a link are listed by name'),
  order: z.enum(['asc', 'desc']).default('asc'),
  cursor: z.string().max(600).optional().describe('`next` of the page before'),
  limit: z.coerce.number<string>().int().min(1).max(MAX_PAGE).default(100),
  count: z.stringbool().default(false).describe('Tell how many there are in all'),
  shares: z.stringbool().default(false).describe('Files with a link in place of those with a path; an operator route'),
})

export type ListQuery = z.output<typeof listQuery>

/** It matches a media type (RFC 9110 section 8.3.1), perhaps with parameters. */
const mediaType =
  /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:[\t ]*;[\t ]*[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|"[\x20\x21\x23-\x5b\x5d-\x7e]*"))*$/

export const fileChange = z
  .strictObject({
    name: z.string().optional().describe('For a file with a path this is the path'),
    contentType: z.string().max(255).regex(mediaType, 'must be a media type, such as text/plain').optional(),
    expiresAt: z.string().nullable().optional().describe('A duration, a date, or null for never'),
  })
  .meta({ id: 'FileChange' })

const path = z.object({ id: z.string() })
const detailed = fileDescription
  .extend({
    chunks: z.array(
      z.object({
        id: digest.describe('Its sha-256'),
        order: count,
        size: count,
        locations: z.array(z.string()).describe('The file-servers that have it'),
      }),
    ),
  })
  .meta({ id: 'FileWithChunks' })
const page = z
  .object({
    files: z.array(fileDescription),
    next: z.string().nullable(),
    total: count.nullable().optional().describe('Where it was asked for; null where counting takes too long'),
  })
  .meta({ id: 'FileList' })

export type FileList = Readonly<z.output<typeof page>>

const change = {
  path: '/files/{id}',
  parameters: { path },
  body: { content: json(fileChange) },
  answers: { 200: { description: 'The file as it is from then on', content: json(fileDescription) } },
  errors: ['FILE_NOT_FOUND', 'FILE_EXISTS', ...bodyErrors, ...errorsAnywhere],
} as const

export const filesOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/files',
    operationId: 'listFiles',
    summary: 'The files with a path, page by page',
    parameters: { query: listQuery },
    answers: {
      200: {
        description: 'A page, and the cursor of the next one; a browser that goes there gets a page of HTML',
        content: { ...json(page), 'text/html': z.string() },
      },
    },
    errors: ['INVALID_REQUEST', 'UNAUTHORIZED', ...errorsAnywhere],
  },
  {
    method: 'get',
    path: '/files/{id}',
    operationId: 'getFile',
    summary: 'What is known of a file, and where its chunks are',
    parameters: { path },
    answers: { 200: { description: 'The file', content: json(detailed) } },
    errors: ['FILE_NOT_FOUND', ...errorsAnywhere],
  },
  { ...change, method: 'post', operationId: 'updateFile', summary: 'Change name, content type or expiry of a file' },
  { ...change, method: 'patch', operationId: 'patchFile', summary: 'The same as POST' },
  {
    method: 'delete',
    path: '/files/{id}',
    operationId: 'deleteFileById',
    summary: 'Delete a file, also while its file-servers are away',
    parameters: { path },
    answers: { 200: { description: 'Deleted', content: json(fileDescription) } },
    errors: ['FILE_NOT_FOUND', ...errorsAnywhere],
  },
]
