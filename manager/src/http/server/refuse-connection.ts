import { randomBytes } from 'node:crypto'
import { type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ErrorName, errorRow } from '@holdfast/shared/errors/error-table'
import type { Logger } from '@holdfast/shared/node/logger'
import type { ErrorBody } from '../error-body.ts'
import { afterAnswers, type DueAnswers } from './due-answers.ts'

/** A refused client may take this long to read its answer. After that it is let go, whether it hangs up or not. */
const LINGER_MS = 1_000

interface Refusal {
  readonly status: number
  readonly error: ErrorName
  readonly detail?: string
}

/** Node says this of a connection. `reason` is a sentence from the parser's fixed list. */
type ClientError = NodeJS.ErrnoException & { readonly reason?: string }

/** Chooses what to tell a connection that does not speak HTTP, or too slowly. */
export function refusalOf({ code, reason }: ClientError): Refusal {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, error: 'INVALID_REQUEST', detail: 'the target and the headers are too long' }
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, error: 'REQUEST_TIMEOUT' }
    default: {
      const why = reason === undefined ? '' : `: ${reason}`
      return { status: 400, error: 'INVALID_REQUEST', detail: `this is not HTTP/1.1${why}` }
    }
  }
}

/** Answers what is not HTTP, and CONNECT, of which Node makes no request, and ends the connection. */
export function refuseConnections(server: Server, dueOn: DueAnswers, log: Logger): void {
  const refused = new WeakSet<Duplex>()
  const refuse = (socket: Duplex, refusal: Refusal): void => {
    // Whatever comes after something that was not understood is not understood either.
    if (refused.has(socket)) return
    refused.add(socket)
    // Before the answer to an earlier request the client would take a refusal for that answer.
    afterAnswers(socket, dueOn, () => {
      const [broken] = dueOn(socket)
      if (!socket.writable || broken?.[0].headersSent) return void socket.destroy()
      socket.end(answerOf(refusal))
      const timer = setTimeout(() => socket.destroy(), LINGER_MS)
      socket.once('close', () => clearTimeout(timer))
    })
  }
  server.on('clientError', (error: ClientError, socket) => {
    // The error holds the request's own bytes, which may be anyone's secrets.
    const { code, reason } = error
    log.debug({ code, reason }, 'not an HTTP request')
    if (socket.writable) refuse(socket, refusalOf(error))
    else socket.destroy()
  })
  server.on('connect', (_request, socket) => {
    socket.on('error', (error) => log.debug({ err: error }, 'not an HTTP request'))
    refuse(socket, { status: 405, error: 'METHOD_NOT_ALLOWED', detail: 'the manager is no proxy' })
  })
}

function answerOf({ status, error, detail }: Refusal): string {
  const { code, message } = errorRow(error)
  const requestId = randomBytes(8).toString('hex')
  const body: ErrorBody = { code, error, message, requestId, ...(detail === undefined ? {} : { detail }) }
  const text = JSON.stringify(body)
  const headers = [
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
  ]
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...headers, '', text].join('\r\n')
}
