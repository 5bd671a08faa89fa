import { z } from 'zod'
import { bodyErrors, count, errorsAnywhere, json, type Operation } from '../../http/openapi.ts'

const MAX_TEXT = 300
const text = z.string().max(MAX_TEXT)
/** Programs send numbers as texts, too. */
const numeric = z.union([
  z.number(),
  z
    .string()
    .max(20)
    .regex(/^\d+(\.\d+)?$/, 'must be a number')
    .transform(Number),
])
const integer = (min: number, max: number) => numeric.pipe(z.int().min(min).max(max))
const address = z.object({ ip: z.string(), port: z.int() })
const id = z.uuid()

/** A datagram to a lower port could be taken for a request by a service of the system. */
const userPort = integer(1_024, 65_535)
const MAX_IDS = 10_000
/** A check-in of this size has room for `MAX_IDS`. */
export const CHECK_IN_BYTES = 512 * 1024

export const checkIn = z
  .object({
    ip: z.string().max(64).optional().describe("The caller's own, which it is anyway where it is left out"),
    port: userPort.describe('Where the user listens, for heartbeats over UDP and for other users'),
    ids: z.array(id).max(MAX_IDS).optional().describe("The ids in the user's own database"),
    gone: z.array(id).max(MAX_IDS).default([]).describe('Ids of files that the user has no longer'),
  })
  .meta({ id: 'CheckIn' })

const checkedIn = z
  .object({
    userId: id,
    active: z.boolean(),
    missing: z.array(id).describe('The tracker has them, and `ids` does not'),
    unknown: z.array(id).describe('`ids` has them, and the tracker does not'),
  })
  .meta({ id: 'CheckedIn' })

const size = integer(0, Number.MAX_SAFE_INTEGER)
const fileMetadata = {
  song: z.string().min(1).max(MAX_TEXT),
  artist: text.default(''),
  album: text.default(''),
  duration: numeric.pipe(z.number().min(0).max(10_000_000)).nullable().default(null).describe('Seconds'),
  year: integer(0, 9_999).nullable().default(null),
  checksum: z.string().regex(/^[\w+/=:.-]{4,160}$/, 'must have 4 to 160 characters, as digests have them'),
}

export const publication = z
  .object({
    ip: z.string().max(64).optional().describe('As in a check-in'),
    port: userPort,
    ...fileMetadata,
    fileSize: size.optional().describe('Bytes; `file_size` and `size` mean the same'),
    file_size: size.optional(),
    size: size.optional(),
  })
  .transform(({ file_size, size: sizeInBytes, fileSize, ...rest }) => ({
    ...rest,
    fileSize: fileSize ?? file_size ?? sizeInBytes,
  }))
  .refine(({ fileSize }) => fileSize !== undefined, { path: ['fileSize'], message: 'is missing' })
  .meta({ id: 'FileMetadata' })

const MAX_PAGE = 100

/** A form sends each of its fields, also one that nothing was written into. */
const yearOrNone = z
  .string()
  .regex(/^\d{0,4}$/, 'must be a number of up to four digits')
  .transform((digits) => (digits === '' ? undefined : Number(digits)))
  .meta({ type: 'integer', minimum: 0, maximum: 9_999 })

export const searchQuery = z.object({
  song: text.optional(),
  artist: text.optional(),
  album: text.optional(),
  year: yearOrNone.optional(),
  q: text.optional().describe('Words that may be in any field'),
  limit: z.coerce.number<string>().int().min(1).max(MAX_PAGE).default(50),
  cursor: z.string().max(300).optional().describe('`next` of the page before'),
})

const found = z
  .object({
    results: z.array(
      z.object({
        id,
        song: z.string(),
        artist: z.string(),
        album: z.string(),
        duration: z.number().nullable(),
        fileSize: count,
        year: z.int().nullable(),
        checksum: z.string(),
        users: z.array(address),
      }),
    ),
    next: z.string().nullable().describe('The cursor of the next page'),
  })
  .meta({ id: 'FoundFiles' })

export type Found = Readonly<z.output<typeof found>>
export type CheckedInAnswer = Readonly<z.output<typeof checkedIn>>

export const locateQuery = z.object({ id: z.uuid() })
const located = address.extend({ checksum: z.string(), fileSize: count }).meta({ id: 'LocatedFile' })

export const napsterOperations: readonly Operation[] = [
  {
    method: 'post',
    path: '/user/checkin',
    operationId: 'checkIn',
    summary: 'Go online: the files of this address count as active, and it is sent heartbeats over UDP',
    body: { content: json(checkIn) },
    answers: { 200: { description: 'The user, and where the two databases differ', content: json(checkedIn) } },
    errors: [...bodyErrors, 'TOO_MANY_REQUESTS', ...errorsAnywhere],
  },
  {
    method: 'post',
    path: '/user/upload-metadata',
    operationId: 'publishMetadata',
    summary: 'Tell of a file that this address shares; the bytes stay there',
    body: { content: json(publication) },
    answers: {
      200: {
        description: 'The id of the file, the same for the same file of the same user',
        content: json(z.object({ id })),
      },
    },
    errors: [...bodyErrors, 'TOO_MANY_REQUESTS', ...errorsAnywhere],
  },
  {
    method: 'get',
    path: '/search',
    operationId: 'searchFiles',
    summary: 'Find files of active users by words and beginnings of words, whatever their case',
    parameters: { query: searchQuery },
    answers: { 200: { description: 'A page', content: json(found) } },
    errors: ['INVALID_REQUEST', 'TOO_MANY_REQUESTS', 'OVERLOADED', ...errorsAnywhere],
  },
  {
    method: 'get',
    path: '/download',
    operationId: 'locateFile',
    summary: 'Where an active user is that has a file',
    parameters: { query: locateQuery },
    answers: { 200: { description: 'The user', content: json(located) } },
    errors: [
      'INVALID_REQUEST',
      'FILE_NOT_FOUND',
      'FILE_UNAVAILABLE',
      'TOO_MANY_REQUESTS',
      'OVERLOADED',
      ...errorsAnywhere,
    ],
  },
]
