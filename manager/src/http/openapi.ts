import { type ErrorName, errorRow, errorTable } from '@holdfast/shared/errors/error-table'

const json = (schema: object) => ({ 'application/json': { schema } })
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const text = { type: 'string' } as const
const count = { type: 'integer', minimum: 0 } as const
const countOrNull = { type: ['integer', 'null'], minimum: 0 } as const
const digest = { type: 'string', pattern: '^[0-9a-f]{64}$' } as const

/** Only these errors are shown over HTTP. The others travel between manager and file-server. */
const shownRows = (Object.keys(errorTable) as ErrorName[])
  .map((name) => ({ name, ...errorRow(name) }))
  .filter(({ shownAs }) => shownAs === undefined)

/** Groups the error answers of a route by status, for several share one and are told apart by their code. */
function errors(...names: ErrorName[]): Record<string, object> {
  const rows = names.map(errorRow)
  return Object.fromEntries(
    [...new Set(rows.map(({ status }) => status))].map((status) => {
      const sharing = rows.filter((row) => row.status === status)
      const retryAfter = { 'Retry-After': { description: 'Seconds', schema: { type: 'integer' } } }
      return [
        String(status),
        {
          description: sharing.map(({ code, message }) => `${code}: ${message}`).join('; '),
          ...(status === 503 && sharing.some(({ isRetryable }) => isRetryable) ? { headers: retryAfter } : {}),
          content: json(ref('Error')),
        },
      ]
    }),
  )
}

const everywhere = ['FORBIDDEN', 'INTERNAL', 'DATABASE_UNAVAILABLE'] as const satisfies ErrorName[]
const upload = { type: 'object', required: ['filename', 'file'], properties: { filename: text, file: text } } as const

const rawUpload = {
  type: 'object',
  required: ['file'],
  description: 'A `file` part with a file name is taken as it is; without one it is base64 and `filename` is required',
  properties: { filename: text, file: { type: 'string', format: 'binary' } },
} as const

const fileHeaders = {
  'Content-Length': { description: 'Size in bytes', schema: count },
  'Content-Type': { description: 'From the name, or else from the bytes', schema: text },
  'Content-Disposition': { description: 'attachment, but for types that are safe to show', schema: text },
  ETag: { description: 'The sha-256 of the file, 64 hex digits in quotes', schema: text },
  'Last-Modified': { description: 'When the file was stored', schema: text },
  'X-Content-Type-Options': { description: 'nosniff', schema: text },
}

const header = (name: string) => ({ name, in: 'header', schema: text }) as const
const preconditions = ['If-Match', 'If-None-Match', 'If-Unmodified-Since', 'If-Modified-Since'].map(header)
const notModified = { description: 'If-None-Match names the ETag, or nothing is newer than If-Modified-Since' }

const schemas = {
  Error: {
    type: 'object',
    required: ['code', 'error', 'message', 'requestId'],
    properties: {
      code: { type: 'integer', enum: shownRows.map(({ code }) => code) },
      error: { type: 'string', enum: shownRows.map(({ name }) => name) },
      message: text,
      requestId: text,
      detail: { type: 'string', description: 'What exactly is wrong with the request' },
    },
  },
  StoredFile: {
    type: 'object',
    required: ['filename', 'id', 'sizeBytes', 'sha256', 'contentType', 'createdAt'],
    properties: {
      filename: text,
      id: { type: 'string', pattern: '^[0-9a-f]{24}$' },
      sizeBytes: count,
      sha256: digest,
      contentType: text,
      createdAt: { type: 'string', format: 'date-time' },
    },
  },
  Readiness: {
    type: 'object',
    required: ['status', 'waitingFor'],
    properties: {
      status: { type: 'string', enum: ['ready', 'waiting'] },
      waitingFor: { type: 'array', items: text },
    },
  },
  DeletedFile: { type: 'object', required: ['filename', 'id'], properties: { filename: text, id: text } },
  ActiveNode: {
    type: 'object',
    required: ['id', 'name', 'state', 'lastPingAt', 'files', 'bytes', 'freeBytes', 'totalBytes'],
    properties: {
      id: { type: 'string', pattern: '^[0-9a-f]{16}$' },
      name: text,
      state: {
        type: 'string',
        enum: ['active', 'counting', 'full'],
        description: 'full: serves and deletes, takes nothing more. counting: its inventory is not done',
      },
      lastPingAt: { type: 'string', format: 'date-time' },
      files: count,
      bytes: count,
      freeBytes: count,
      totalBytes: count,
    },
  },
  Upkeep: {
    type: ['object', 'null'],
    required: ['manager', 'since', 'loops', 'chunks', 'fileServers', 'halted'],
    properties: {
      manager: text,
      since: { type: 'string', format: 'date-time' },
      loops: {
        type: 'array',
        items: {
          type: 'object',
          required: ['name', 'state', 'done', 'remaining', 'bytesPerSecond', 'secondsLeft', 'lastRunAt'],
          properties: {
            name: text,
            state: { type: 'string', enum: ['resting', 'working', 'stuck'] },
            detail: { type: 'string', description: 'Why it is stuck' },
            done: count,
            remaining: countOrNull,
            bytesPerSecond: countOrNull,
            secondsLeft: countOrNull,
            lastRunAt: { type: ['string', 'null'], format: 'date-time' },
            lastError: text,
          },
        },
      },
      chunks: {
        type: ['object', 'null'],
        description: 'Chunks of class replicated, by how many of their replicas count',
        required: ['total', 'byReplicas', 'countedAt'],
        properties: {
          total: count,
          byReplicas: { type: 'object', additionalProperties: count },
          countedAt: { type: 'string', format: 'date-time' },
        },
      },
      fileServers: {
        type: 'object',
        required: ['known', 'active', 'lost'],
        properties: {
          known: count,
          active: count,
          lost: {
            type: 'array',
            items: {
              type: 'object',
              required: ['id', 'name', 'zone', 'lostAt'],
              properties: { id: text, name: text, zone: text, lostAt: { type: 'string', format: 'date-time' } },
            },
          },
        },
      },
      halted: {
        type: 'array',
        description: 'Where an unlikely share of the copies has no record, or is missing, and nothing is removed',
        items: {
          type: 'object',
          required: ['fileServer', 'name', 'why', 'count', 'copies'],
          properties: {
            fileServer: text,
            name: text,
            why: { type: 'string', enum: ['orphans', 'missing'] },
            count,
            copies: count,
          },
        },
      },
    },
  },
} as const

const filePath = {
  parameters: [
    {
      name: 'filename',
      in: 'path',
      required: true,
      description: 'Percent-encoded UTF-8; a slash may stand as it is or as %2F',
      schema: text,
    },
  ],
} as const

export const openApiDocument = {
  openapi: '3.1.0',
  info: { title: 'Holdfast', version: '0.1.0', license: { name: 'MIT', identifier: 'MIT' } },
  servers: [{ url: 'http://127.0.0.1:8000' }],
  paths: {
    '/file': {
      post: {
        operationId: 'uploadFile',
        summary: 'Store a file under a name that is free',
        requestBody: {
          required: true,
          description:
            '`file` is base64, in either order with `filename`. JSON is also taken as x-www-form-urlencoded.',
          content: {
            ...json(upload),
            'application/x-www-form-urlencoded': { schema: upload },
            'multipart/form-data': { schema: rawUpload },
          },
        },
        responses: {
          201: {
            description: 'Stored durably',
            headers: { Location: { description: 'Where the file is, whatever its name holds', schema: text } },
            content: json(ref('StoredFile')),
          },
          ...errors(
            'SERVERS_UNAVAILABLE',
            'FILE_EXISTS',
            'INVALID_REQUEST',
            'TOO_LARGE',
            'DIGEST_MISMATCH',
            'UNSUPPORTED_MEDIA',
            'REQUEST_TIMEOUT',
            'INSUFFICIENT_STORAGE',
            'OVERLOADED',
            ...everywhere,
          ),
        },
      },
    },
    '/file/{filename}': {
      ...filePath,
      get: {
        operationId: 'downloadFile',
        summary: 'The bytes of a file',
        parameters: [header('Range'), header('If-Range'), ...preconditions],
        responses: {
          200: {
            description: 'The bytes; a response that ends early or breaks off is not the file',
            headers: fileHeaders,
            content: { '*/*': { schema: { type: 'string', format: 'binary' } } },
          },
          206: {
            description: 'The one range that was asked for',
            headers: { ...fileHeaders, 'Content-Range': { description: 'bytes START-END/SIZE', schema: text } },
            content: { '*/*': { schema: { type: 'string', format: 'binary' } } },
          },
          304: notModified,
          ...errors(
            'FILE_NOT_FOUND',
            'FILE_UNAVAILABLE',
            'INVALID_REQUEST',
            'PRECONDITION_FAILED',
            'RANGE_NOT_SATISFIABLE',
            'OVERLOADED',
            ...everywhere,
          ),
        },
      },
      head: {
        operationId: 'describeFile',
        summary: 'The headers of a download',
        parameters: preconditions,
        responses: {
          200: { description: 'As for GET, without the bytes', headers: fileHeaders },
          304: notModified,
          ...errors('FILE_NOT_FOUND', 'INVALID_REQUEST', 'PRECONDITION_FAILED', ...everywhere),
        },
      },
      delete: {
        operationId: 'deleteFile',
        summary: 'Delete a file, also while its file-server is away',
        parameters: preconditions,
        responses: {
          200: { description: 'Deleted; the name is free', content: json(ref('DeletedFile')) },
          ...errors('FILE_NOT_FOUND', 'INVALID_REQUEST', 'PRECONDITION_FAILED', ...everywhere),
        },
      },
    },
    '/active-nodes': {
      get: {
        operationId: 'listActiveNodes',
        summary: 'The file-servers heard from within ACTIVE_WITHIN_MS',
        responses: {
          200: { description: 'By name', content: json({ type: 'array', items: ref('ActiveNode') }) },
          ...errors('INTERNAL'),
        },
      },
    },
    '/upkeep': {
      get: {
        operationId: 'getUpkeep',
        summary: 'How upkeep goes: healing, rebalancing, comparing, and how many replicas chunks have',
        responses: {
          200: {
            description: 'As the manager that does it has told last; null where none ever has',
            content: json(ref('Upkeep')),
          },
          ...errors('DATABASE_UNAVAILABLE', 'INTERNAL'),
        },
      },
    },
    '/health': {
      get: {
        operationId: 'getHealth',
        summary: 'Whether the process is alive',
        responses: { 200: { description: 'It is', content: json({ type: 'object' }) } },
      },
    },
    '/ready': {
      get: {
        operationId: 'getReadiness',
        summary: 'Whether files can be stored: the database answers and a file-server is active',
        responses: {
          200: { description: 'They can', content: json(ref('Readiness')) },
          503: { description: 'Not yet', content: json(ref('Readiness')) },
        },
      },
    },
    '/openapi.json': {
      get: {
        operationId: 'getOpenApi',
        summary: 'This document',
        responses: { 200: { description: 'OpenAPI 3.1', content: json({ type: 'object' }) } },
      },
    },
  },
  components: { schemas },
} as const
