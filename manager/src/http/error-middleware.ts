import { errorRow, shownName } from '@holdfast/shared/errors/error-table'
import { type StoreError, toStoreError } from '@holdfast/shared/errors/store-error'
import { dropBody } from '@holdfast/shared/node/drop-body'
import type { ErrorBody } from './error-body.ts'
import type { AppContext, AppMiddleware } from './request-context.ts'

const RETRY_AFTER_SECONDS = 2

/** Of the headers set before the error only these belong to its answer. */
const keptHeaders = [
  ...['x-request-id', 'allow', 'content-range'],
  // A page of another site that may see an answer may see an error, too.
  ...['access-control-allow-origin', 'access-control-expose-headers'],
]

/**
 * Turns a StoreError into a response, and is the only place that does. Answers of 500 and above carry the code, not the
 * cause.
 */
export const errorMiddleware: AppMiddleware = async (ctx, next) => {
  try {
    await next()
  } catch (thrown) {
    respond(ctx, toStoreError(thrown))
  }
}

function respond(ctx: AppContext, error: StoreError): void {
  const { requestId, log, isGone } = ctx.state
  const name = shownName(error.name)
  const { code, status, isRetryable, message } = errorRow(name)
  const isForClient = status < 500 || errorRow(error.name).tellsDetail === true
  if (isGone) log.debug({ error: error.name }, 'client gone')
  else if (name === 'INTERNAL') log.error({ err: error }, 'request failed')
  else if (status >= 500) log.warn({ error: error.name, detail: error.detail, err: error.cause }, 'request refused')
  else log.debug({ error: error.name, detail: error.detail }, 'request refused')

  if (ctx.headerSent) {
    // A piece of an answer is out, so an unclean end is the only way left to say that it is not all.
    ctx.res.destroy()
    return
  }
  for (const header of ctx.res.getHeaderNames()) if (!keptHeaders.includes(header)) ctx.res.removeHeader(header)
  const body: ErrorBody = {
    code,
    error: name,
    message,
    requestId,
    ...(error.detail !== undefined && isForClient ? { detail: error.detail } : {}),
  }
  ctx.status = status
  if (isRetryable && status === 503) ctx.set('Retry-After', String(RETRY_AFTER_SECONDS))
  if (status === 401) ctx.set('WWW-Authenticate', 'Bearer')
  ctx.body = body
  dropBody(ctx.req, ctx.res)
}
