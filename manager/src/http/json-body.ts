import { StoreError } from '@holdfast/shared/errors/store-error'
import type { Digest } from '@holdfast/shared/ids'
import { bodyDigest } from '@holdfast/shared/node/ticket'
import type { z } from 'zod'
import { withDeadline } from '../with-deadline.ts'
import { parseInput } from './parse-input.ts'
import type { AppContext } from './request-context.ts'
import { expectsContinue } from './server/expects-continue.ts'

const MAX_BYTES = 64 * 1024
/** `curl -d` sends JSON under the content type of a form. */
const jsonTypes = ['application/json', 'application/x-www-form-urlencoded']
const REPLACEMENT = '\ufffd'

/** koa-body is loaded only when it is needed, for it takes a tenth of a manager's start. */
async function loadReader(maxBytes: number) {
  const { koaBody } = await import('koa-body')
  return koaBody({
    ...{ json: true, jsonLimit: maxBytes, jsonTypes, includeUnparsed: true },
    ...{ text: false, urlencoded: false, multipart: false },
  })
}

type Reader = Awaited<ReturnType<typeof loadReader>>

interface JsonBodyLimits {
  readonly maxBytes?: number
  /** The whole body may take so long. */
  readonly patienceMs?: number
}

/**
 * Reads the small JSON body of a request. A body of no bytes is `{}`, and one without a content type is taken for JSON.
 * @param judge is told the sha-256 of the body, and may throw, before anything is said of what is in it
 */
type JsonBodyReader<Value> = (ctx: AppContext, judge?: (bodySha256: Digest) => void) => Promise<Value>

/**
 * Makes the reader that a route of `POST`, `PUT` or `PATCH` calls.
 * @throws INVALID_REQUEST with the field that is wrong, TOO_LARGE, UNSUPPORTED_MEDIA, REQUEST_TIMEOUT, CANCELLED
 */
export function jsonBody<Schema extends z.ZodType>(
  schema: Schema,
  { maxBytes = MAX_BYTES, patienceMs = 10_000 }: JsonBodyLimits = {},
): JsonBodyReader<z.output<Schema>> {
  let reader: Promise<Reader> | undefined
  return async (ctx, judge) => {
    ctx.req.headers['content-type'] ??= jsonTypes[0]
    judgeHeaders(ctx, maxBytes)
    reader ??= loadReader(maxBytes)
    const readJson = await reader
    if (expectsContinue(ctx.req)) ctx.res.writeContinue()
    const { text, body, problem } = await readInTime(ctx, readJson, { maxBytes, patienceMs })
    judge?.(bodyDigest(text))
    // What is not UTF-8 was read as this, and would stay in a name.
    if (text.includes(REPLACEMENT)) throw new StoreError('INVALID_REQUEST', 'the body must be UTF-8')
    if (problem !== null) throw problem
    return parseInput(schema, body)
  }
}

function judgeHeaders(ctx: AppContext, maxBytes: number): void {
  const { 'content-type': type = '', 'content-encoding': encoding, 'content-length': length } = ctx.req.headers
  const isOtherType = ctx.is(jsonTypes) === false
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type)?.[1]?.toLowerCase() ?? 'utf-8'
  if (isOtherType || (encoding ?? 'identity') !== 'identity' || (charset !== 'utf-8' && charset !== 'utf8'))
    throw new StoreError('UNSUPPORTED_MEDIA', 'send JSON in UTF-8, not compressed')
  if (Number(length ?? 0) > maxBytes) throw tooLarge(maxBytes)
}

interface ReadBody {
  readonly text: string
  readonly body?: unknown
  /** It says why the text is no JSON. */
  readonly problem: StoreError | null
}

async function readInTime(
  ctx: AppContext,
  readJson: Reader,
  { maxBytes, patienceMs }: Required<JsonBodyLimits>,
): Promise<ReadBody> {
  const late = () => new StoreError('REQUEST_TIMEOUT', 'the JSON did not come in time')
  try {
    const reading = readJson(ctx, async () => undefined)
    await withDeadline(reading, patienceMs, late)
    const { rawBody, body } = ctx.request
    const problem = rawBody === undefined ? new StoreError('INVALID_REQUEST', 'the body is missing') : null
    return { text: rawBody ?? '', body, problem }
  } catch (error) {
    return problemIn(error, maxBytes)
  }
}

/** @throws where the body could not be read */
function problemIn(error: unknown, maxBytes: number): ReadBody {
  const { status, type, name, body } = error as { status?: number; type?: string; name?: string; body?: unknown }
  const options = { cause: error }
  if (name === 'SyntaxError' && typeof body === 'string')
    return { text: body, problem: new StoreError('INVALID_REQUEST', 'the body is not valid JSON', options) }
  if (type === 'request.aborted') throw new StoreError('CANCELLED', undefined, options)
  if (status === 413) throw tooLarge(maxBytes)
  if (status === 400) throw new StoreError('INVALID_REQUEST', 'the body cannot be read', options)
  throw error
}

function tooLarge(maxBytes: number): StoreError {
  return new StoreError('TOO_LARGE', `the JSON must have at most ${maxBytes} bytes`)
}
