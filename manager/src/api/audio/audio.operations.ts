import { z } from 'zod'
import { MAX_PEAKS } from '../../audio/decoding/peaks.ts'
import { binary, count, errorsAnywhere, json, type Operation } from '../../http/openapi.ts'
import {
  bytes,
  describeAnswers,
  digests,
  downloadAnswers,
  downloadErrors,
  downloadHeaders,
  etagHeader,
  notModified,
  preconditions,
  uploadErrors,
} from '../file-exchange/file-operations.ts'
import { listQuery } from './list-query.ts'
import { trackDescription } from './track-description.ts'

export const postQuery = z.object({
  name: z
    .string()
    .optional()
    .describe('Where the file is from then on; without it a name is made of the tags, or of the time'),
  expires: z.string().optional().describe('A duration such as 90s, 15m, 12h, 7d or 2w, or a date (RFC 3339)'),
})
export const nameQuery = z.object({ name: z.string().describe('The name of a file') })

export const peaksQuery = nameQuery.extend({
  buckets: z
    .string()
    .min(1, 'must not be empty')
    .pipe(z.coerce.number<string>('must be a number').int().min(1).max(MAX_PEAKS))
    .default(MAX_PEAKS)
    .describe('At most so many; a short file has fewer')
    .meta({ type: 'integer', minimum: 1, maximum: MAX_PEAKS }),
  format: z.enum(['json', 'dat']).default('json'),
})
const waveform = z
  .object({
    version: z.literal(2),
    channels: z.literal(1),
    sample_rate: count,
    samples_per_pixel: count,
    bits: z.literal(8),
    length: count,
    data: z.array(z.int().min(-128).max(127)).describe('The least and the greatest sample of each, alternating'),
  })
  .meta({ id: 'Waveform' })

const page = z.object({ files: z.array(trackDescription), next: z.string().nullable() }).meta({ id: 'TrackList' })
const form = z.object({ file: z.array(binary) })

export const audioOperations: readonly Operation[] = [
  {
    method: 'post',
    path: '/post',
    operationId: 'postAudio',
    summary: 'Store one or several audio files; what is no audio is refused',
    parameters: { query: postQuery, header: digests },
    body: {
      description: 'multipart/form-data has one or several files. Any other body is the file itself.',
      content: { 'multipart/form-data': form, ...bytes },
    },
    answers: {
      201: {
        description: 'Stored durably: one file, or a list of several',
        headers: z.object({ Location: z.string().optional().describe('Where the file is, if it is one') }),
        content: json(z.union([trackDescription, z.array(trackDescription)])),
      },
    },
    errors: ['FILE_EXISTS', 'INVALID_MEDIA', ...uploadErrors, ...errorsAnywhere],
  },
  {
    method: 'get',
    path: '/list',
    operationId: 'listAudio',
    summary: 'The audio files that meet all of these conditions, however they came',
    parameters: { query: listQuery },
    answers: {
      200: {
        description: 'A page, and the cursor of the next one; a playlist or a table names that in its Link header',
        headers: z.object({ Link: z.string().optional() }),
        content: { ...json(page), 'audio/x-mpegurl': z.string(), 'text/csv': z.string() },
      },
    },
    errors: ['INVALID_REQUEST', ...errorsAnywhere],
  },
  {
    method: 'get',
    path: '/info',
    operationId: 'getAudio',
    summary: 'What is known of an audio file',
    parameters: { query: nameQuery },
    answers: { 200: { description: 'The file', content: json(trackDescription) } },
    errors: ['FILE_NOT_FOUND', 'INVALID_REQUEST', ...errorsAnywhere],
  },
  {
    method: 'get',
    path: '/info/cover',
    operationId: 'getCover',
    summary: 'The picture that is embedded in an audio file',
    parameters: { query: nameQuery, header: preconditions },
    answers: { 200: { description: 'The picture', headers: etagHeader, content: bytes }, 304: notModified },
    errors: [
      'FILE_NOT_FOUND',
      'FILE_UNAVAILABLE',
      'INVALID_REQUEST',
      'PRECONDITION_FAILED',
      'OVERLOADED',
      ...errorsAnywhere,
    ],
  },
  {
    method: 'get',
    path: '/info/peaks',
    operationId: 'getPeaks',
    summary: 'The waveform of an audio file, in the form of audiowaveform, once it has been decoded',
    parameters: { query: peaksQuery, header: preconditions },
    answers: {
      200: {
        description: 'The waveform',
        headers: etagHeader,
        content: { ...json(waveform), 'application/octet-stream': binary },
      },
      304: notModified,
    },
    errors: ['FILE_NOT_FOUND', 'INVALID_REQUEST', 'PRECONDITION_FAILED', ...errorsAnywhere],
  },
  {
    method: 'get',
    path: '/download',
    operationId: 'downloadByName',
    summary: 'The bytes of a file with a path',
    parameters: { query: nameQuery, header: downloadHeaders },
    answers: downloadAnswers,
    errors: [...downloadErrors, ...errorsAnywhere],
  },
  {
    method: 'head',
    path: '/download',
    operationId: 'describeByName',
    summary: 'The headers of a download',
    parameters: { query: nameQuery, header: preconditions },
    answers: describeAnswers,
    errors: ['FILE_NOT_FOUND', 'INVALID_REQUEST', 'PRECONDITION_FAILED', ...errorsAnywhere],
  },
]
