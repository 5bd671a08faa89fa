import { z } from 'zod'
import { binary, json, type Operation } from '../../http/openapi.ts'

const call = z
  .object({
    u: z.string().describe('SUBSONIC_USER'),
    t: z.string().optional().describe('md5(password + salt), in hexadecimal'),
    s: z.string().optional().describe('The salt'),
    p: z.string().optional().describe('In place of these two the password, in plain or as enc: and hexadecimal digits'),
    v: z.string().describe('The version of the protocol that the client speaks, such as 1.16.1'),
    c: z.string().describe('The name of the client'),
    f: z.enum(['xml', 'json']).default('xml'),
  })
  .describe('These, and the parameters of the method')
const path = z.object({ method: z.string().describe('Such as ping, search3 or stream; `.view` may follow') })
const answer = z
  .object({
    'subsonic-response': z.looseObject({
      status: z.enum(['ok', 'failed']),
      version: z.string(),
      type: z.literal('holdfast'),
      serverVersion: z.string(),
      openSubsonic: z.literal(true),
      error: z.object({ code: z.int(), message: z.string() }).optional(),
    }),
  })
  .meta({ id: 'SubsonicAnswer' })

const described = {
  path: '/rest/{method}',
  summary:
    'A call of OpenSubsonic (https://opensubsonic.netlify.app), where SUBSONIC_USER and SUBSONIC_PASSWORD are set',
  answers: {
    200: {
      description:
        'What the method answers, or with status "failed" why not; of stream, download and getCoverArt the bytes',
      content: { ...json(answer), 'text/xml': z.string(), 'application/octet-stream': binary },
    },
  },
  errors: [
    'ROUTE_NOT_FOUND',
    'PRECONDITION_FAILED',
    'RANGE_NOT_SATISFIABLE',
    'FILE_UNAVAILABLE',
    'OVERLOADED',
    'DATABASE_UNAVAILABLE',
    'FORBIDDEN',
    'INTERNAL',
  ],
} as const

export const subsonicOperations: readonly Operation[] = [
  { ...described, method: 'get', operationId: 'callSubsonic', parameters: { path, query: call } },
  {
    ...described,
    method: 'post',
    operationId: 'callSubsonicByForm',
    parameters: { path },
    body: { content: { 'application/x-www-form-urlencoded': call } },
  },
]
