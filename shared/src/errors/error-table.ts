/**
 * All errors stand in this table. Clients see `code` in an error body, so a number never comes to mean anything else. 1 to 4 and their messages are those of the original Distributed File
 * Server, to the letter. Rows from 100 travel between manager and file-server only; over HTTP they appear as the row that
 * `shownAs` names.
 */
export const errorTable = {
  SERVERS_UNAVAILABLE: { code: 1, status: 503, isRetryable: true, message: 'Servers unavailable' },
  FILE_NOT_FOUND: { code: 2, status: 404, isRetryable: false, message: 'File does not exist' },
  FILE_EXISTS: { code: 3, status: 409, isRetryable: false, message: 'File name already exists' },
  FILE_UNAVAILABLE: { code: 4, status: 503, isRetryable: true, message: 'File unavailable' },
  INVALID_REQUEST: { code: 5, status: 400, isRetryable: false, message: 'Invalid request' },
  TOO_LARGE: { code: 6, status: 413, isRetryable: false, message: 'File is too large' },
  DIGEST_MISMATCH: { code: 7, status: 422, isRetryable: false, message: 'Bytes do not match their digest' },
  UNSUPPORTED_MEDIA: { code: 8, status: 415, isRetryable: false, message: 'Unsupported content type' },
  UNAUTHORIZED: { code: 9, status: 401, isRetryable: false, message: 'Authorization needed' },
  FORBIDDEN: { code: 10, status: 403, isRetryable: false, message: 'Not allowed' },
  PRECONDITION_FAILED: { code: 11, status: 412, isRetryable: false, message: 'Precondition failed' },
  RANGE_NOT_SATISFIABLE: { code: 12, status: 416, isRetryable: false, message: 'Range not satisfiable' },
  INSUFFICIENT_STORAGE: { code: 13, status: 507, isRetryable: true, message: 'All file-servers are full' },
  TOO_MANY_REQUESTS: { code: 14, status: 429, isRetryable: true, message: 'Too many requests' },
  INTERNAL: { code: 15, status: 500, isRetryable: false, message: 'Internal error' },
  DATABASE_UNAVAILABLE: { code: 16, status: 503, isRetryable: true, message: 'Database unavailable' },
  OVERLOADED: { code: 17, status: 503, isRetryable: true, message: 'Too many requests are under way' },
  REQUEST_TIMEOUT: { code: 18, status: 408, isRetryable: true, message: 'The request body came too slowly' },
  ROUTE_NOT_FOUND: { code: 19, status: 404, isRetryable: false, message: 'No such route' },
  METHOD_NOT_ALLOWED: { code: 20, status: 405, isRetryable: false, message: 'Method not allowed' },
  FILE_SERVER_NOT_FOUND: { code: 21, status: 404, isRetryable: false, message: 'No such file-server is connected' },
  INVALID_MEDIA: { code: 22, status: 422, isRetryable: false, message: 'Media cannot be read' },
  JOB_NOT_FOUND: { code: 23, status: 404, isRetryable: false, message: 'No such job' },

  COPY_NOT_FOUND: { code: 100, status: 503, isRetryable: true, message: 'No such copy', shownAs: 'FILE_UNAVAILABLE' },
  COPY_MISMATCH: {
    code: 101,
    status: 503,
    isRetryable: false,
    message: 'The slot holds another copy',
    shownAs: 'FILE_UNAVAILABLE',
  },
  COPY_DISCARDED: {
    code: 102,
    status: 503,
    isRetryable: true,
    message: 'The copy was deleted before it was complete',
    shownAs: 'SERVERS_UNAVAILABLE',
  },
  DISK_FULL: {
    code: 103,
    status: 507,
    isRetryable: true,
    message: 'The disk is nearly full',
    shownAs: 'INSUFFICIENT_STORAGE',
  },
  DISK_FAILED: {
    code: 104,
    status: 503,
    isRetryable: true,
    message: 'The disk failed',
    shownAs: 'SERVERS_UNAVAILABLE',
  },
  LINK_LOST: {
    code: 105,
    status: 503,
    isRetryable: true,
    message: 'The connection to the file-server was lost',
    shownAs: 'SERVERS_UNAVAILABLE',
  },
  DEADLINE_EXCEEDED: {
    code: 106,
    status: 503,
    isRetryable: true,
    message: 'The file-server did not answer in time',
    shownAs: 'SERVERS_UNAVAILABLE',
  },
  NOT_AUTHENTICATED: {
    code: 107,
    status: 503,
    isRetryable: false,
    message: 'The other side did not prove that it knows the secret',
    shownAs: 'SERVERS_UNAVAILABLE',
  },
  WRONG_CLUSTER: {
    code: 108,
    status: 503,
    isRetryable: false,
    message: 'The file-server belongs to another cluster',
    shownAs: 'SERVERS_UNAVAILABLE',
  },
  WRONG_PROTOCOL: {
    code: 109,
    status: 503,
    isRetryable: false,
    message: 'The other side speaks another protocol version',
    shownAs: 'SERVERS_UNAVAILABLE',
  },
  CANCELLED: {
    code: 110,
    status: 503,
    isRetryable: true,
    message: 'The work was cancelled',
    shownAs: 'SERVERS_UNAVAILABLE',
  },
  BAD_ANSWER: {
    code: 111,
    status: 503,
    isRetryable: true,
    message: 'The other side gave no valid answer',
    shownAs: 'SERVERS_UNAVAILABLE',
  },
  RECORD_NOT_SENT: {
    code: 112,
    status: 503,
    isRetryable: true,
    message: 'The record had no turn at the database in time, and will not come',
    shownAs: 'DATABASE_UNAVAILABLE',
  },
  NOT_HASHED_YET: {
    code: 113,
    status: 503,
    isRetryable: true,
    message: 'The torrent of the file is still being made',
    shownAs: 'FILE_UNAVAILABLE',
    tellsDetail: true,
  },
} as const satisfies Record<string, ErrorRow>

export interface ErrorRow {
  readonly code: number
  readonly status: number
  /**
   * Tells whether the same request may succeed later without a change. Over HTTP such answers carry `Retry-After` where their
   * status is 503.
   */
  readonly isRetryable: boolean
  readonly message: string
  readonly shownAs?: string
  /** Its detail is meant for the client, though one of another error of status 5xx is for the log alone. */
  readonly tellsDetail?: boolean
}

export type ErrorName = keyof typeof errorTable

export function errorRow(name: ErrorName): ErrorRow {
  return errorTable[name]
}

/** Errors from inside the cluster appear over HTTP under the name that the table gives them. */
export function shownName(name: ErrorName): ErrorName {
  const { shownAs } = errorRow(name)
  return isErrorName(shownAs) ? shownAs : name
}

export function isErrorName(text: unknown): text is ErrorName {
  return typeof text === 'string' && Object.hasOwn(errorTable, text)
}
