import { randomBytes } from 'node:crypto'
import { type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ErrorName, errorRow } from '@holdfast/shared/errors/error-table'
import type { Logger } from '@holdfast/shared/node/logger'
import type { DueAnswer } from './due-answers.ts'
import type { ErrorBody } from './error-middleware.ts'

/** A refused client may take this long to read its answer. After that it is let go, whether it hangs up or not. */
const LINGER_MS = 1_000

interface Refusal {
  readonly status: number
  readonly error: ErrorName
}

/** Chooses what to tell a connection that does not speak HTTP, or too slowly. */
export function refusalOf(errorCode: string | undefined): Refusal {
  switch (errorCode) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, error: 'INVALID_REQUEST' }
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, error: 'REQUEST_TIMEOUT' }
    default:
      return { status: 400, error: 'INVALID_REQUEST' }
  }
}

/** Answers what is not HTTP and ends the connection. */
export function refuseConnections(
  server: Server,
  dueOn: (connection: Duplex) => readonly DueAnswer[],
  log: Logger,
): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    log.debug({ err: error }, 'not an HTTP request')
    if (!socket.writable || !isAnswerable(dueOn(socket))) return void socket.destroy()
    socket.end(answerOf(refusalOf(error.code)))
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    socket.once('close', () => clearTimeout(timer))
  })
}

/** Within an answer, or before one that is due to an earlier request, the client would take a refusal for something else. */
function isAnswerable([first, second]: readonly DueAnswer[]): boolean {
  if (first === undefined) return true
  const [response, request] = first
  return second === undefined && !response.headersSent && !request.complete
}

function answerOf({ status, error }: Refusal): string {
  const { code, message } = errorRow(error)
  const body: ErrorBody = { code, error, message, requestId: randomBytes(8).toString('hex') }
  const text = JSON.stringify(body)
  const headers = [
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${text.length}`,
  ]
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...headers, '', text].join('\r\n')
}
