import type { IncomingMessage, ServerResponse } from 'node:http'
import { errorRow, shownName } from '@holdfast/shared/errors/error-table'
import { StoreError, toStoreError } from '@holdfast/shared/errors/store-error'
import { dropBody } from '@holdfast/shared/node/drop-body'
import type { Logger } from '@holdfast/shared/node/logger'

const RETRY_AFTER_SECONDS = 2

/**
 * Answers a request with an error, in the form that a manager's have. Answers of 500 and above carry the code, not the cause.
 * @param otherwise where the client is sent instead of being told that the bytes cannot be had here
 */
export function answerError(
  request: IncomingMessage,
  response: ServerResponse,
  thrown: unknown,
  context: { readonly requestId: string; readonly log: Logger; readonly otherwise: string | null },
): void {
  const { requestId, otherwise } = context
  const log = context.log.child({ requestId })
  const error = toStoreError(thrown)
  const name = shownName(error.name)
  const { code, status, isRetryable, message } = errorRow(name)
  // What breaks an answer off is a StoreError where it is this side's doing.
  if (response.destroyed && !(thrown instanceof StoreError)) log.debug({ error: error.name }, 'client gone')
  else if (name === 'INTERNAL') log.error({ err: error }, 'request failed')
  else if (status >= 500) log.warn({ error: error.name, detail: error.detail, err: error.cause }, 'request refused')
  else log.debug({ error: error.name, detail: error.detail }, 'request refused')

  if (response.headersSent) {
    // A piece of an answer is out, so an unclean end is the only way left to say that it is not all.
    response.destroy()
    return
  }
  for (const header of response.getHeaderNames()) if (header !== 'content-range') response.removeHeader(header)
  response.setHeader('X-Request-Id', requestId)
  response.setHeader('Cache-Control', 'no-store')
  if (otherwise !== null && (status >= 500 || status === 404)) {
    response.writeHead(307, { Location: otherwise }).end()
    return
  }
  const detail = error.detail !== undefined && status < 500 ? { detail: error.detail } : {}
  const body = JSON.stringify({ code, error: name, message, requestId, ...detail })
  if (isRetryable && status === 503) response.setHeader('Retry-After', String(RETRY_AFTER_SECONDS))
  if (status === 401) response.setHeader('WWW-Authenticate', 'Bearer')
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
  })
  response.end(request.method === 'HEAD' ? undefined : body)
  dropBody(request, response)
}
