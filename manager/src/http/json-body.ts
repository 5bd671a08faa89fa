import { StoreError } from '@holdfast/shared/errors/store-error'
import { koaBody } from 'koa-body'
import type { z } from 'zod'
import { expectsContinue } from './http-server.ts'
import { parseInput } from './parse-input.ts'
import type { AppContext } from './request-context.ts'

const MAX_BYTES = 64 * 1024
/** `curl -d` sends JSON under the content type of a form. */
const jsonTypes = ['application/json', 'application/x-www-form-urlencoded']

const REPLACEMENT = '\ufffd'

const readJson = koaBody({
  ...{ json: true, jsonLimit: MAX_BYTES, jsonTypes, includeUnparsed: true },
  ...{ text: false, urlencoded: false, multipart: false },
})

/**
 * Makes a reader of small JSON bodies, which routes of `POST`, `PUT` and `PATCH` call. A body of no bytes is `{}`.
 * @param patienceMs is how long the whole body may take
 * @throws INVALID_REQUEST with the field that is wrong, TOO_LARGE, UNSUPPORTED_MEDIA, REQUEST_TIMEOUT, CANCELLED
 */
export function jsonBody<Schema extends z.ZodType>(
  schema: Schema,
  patienceMs = 10_000,
): (ctx: AppContext) => Promise<z.output<Schema>> {
  return async (ctx) => {
    judgeHeaders(ctx)
    if (expectsContinue(ctx.req)) ctx.res.writeContinue()
    await readInTime(ctx, patienceMs)
    const { rawBody = '', body } = ctx.request
    // What is not UTF-8 was read as this, and would stay in a name.
    if (rawBody.includes(REPLACEMENT)) throw new StoreError('INVALID_REQUEST', 'the body must be UTF-8')
    return parseInput(schema, body)
  }
}

function judgeHeaders(ctx: AppContext): void {
  const { 'content-type': type = '', 'content-encoding': encoding, 'content-length': length } = ctx.req.headers
  const isJson = ctx.is(jsonTypes)
  if (isJson === null) throw new StoreError('INVALID_REQUEST', 'the body is missing')
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type)?.[1]?.toLowerCase() ?? 'utf-8'
  if (isJson === false || (encoding ?? 'identity') !== 'identity' || (charset !== 'utf-8' && charset !== 'utf8'))
    throw new StoreError('UNSUPPORTED_MEDIA', 'send JSON in UTF-8, not compressed')
  if (Number(length ?? 0) > MAX_BYTES) throw tooLarge()
}

/** What comes too late is dropped, and so is its error. */
async function readInTime(ctx: AppContext, patienceMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new StoreError('REQUEST_TIMEOUT', 'the JSON did not come in time')), patienceMs)
  })
  try {
    await Promise.race([readJson(ctx, async () => undefined), late])
  } catch (error) {
    throw translate(error)
  } finally {
    clearTimeout(timer)
  }
}

function translate(error: unknown): unknown {
  const { status, type, name } = error as { status?: number; type?: string; name?: string }
  const options = { cause: error }
  if (type === 'request.aborted') return new StoreError('CANCELLED', undefined, options)
  if (name === 'SyntaxError') return new StoreError('INVALID_REQUEST', 'the body is not valid JSON', options)
  if (status === 413) return tooLarge()
  return status === 400 ? new StoreError('INVALID_REQUEST', 'the body cannot be read', options) : error
}

function tooLarge(): StoreError {
  return new StoreError('TOO_LARGE', `the JSON must have at most ${MAX_BYTES} bytes`)
}
