import { pipeline } from 'node:stream/promises'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { type ByteRange, byteRangeOf } from '@holdfast/shared/node/byte-range'
import { PIECE_BYTES, watchStall, writeUnlessStalled } from '@holdfast/shared/node/write-unless-stalled'
import type { DownloadMemory } from '../../chunks/reading/download-memory.ts'
import type { FileRecord } from '../../files/file.model.ts'
import { type GetDeps, readBytesOf, readFile } from '../../files/get-file.ts'
import { isSameForRange, judgePreconditions, type Validators, validatorsOf } from '../../http/preconditions.ts'
import type { AppContext } from '../../http/request-context.ts'
import { safeHeaders } from '../../http/safe-headers.ts'

export interface SendDeps extends GetDeps {
  readonly memory: DownloadMemory
}

export interface SendOptions {
  /** Gives the address where a GET gets the bytes, where that is not this manager. */
  readonly elsewhere?: () => string | null
  /** These go with the usual headers, or in their place. */
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Answers a GET or HEAD with a file: its headers, its preconditions, one range of it or all. @throws PRECONDITION_FAILED,
 * RANGE_NOT_SATISFIABLE, FILE_UNAVAILABLE, OVERLOADED
 */
export async function sendFile(
  deps: SendDeps,
  ctx: AppContext,
  record: FileRecord,
  { elsewhere = () => null, headers = {} }: SendOptions = {},
): Promise<void> {
  const version = validatorsOf(record)
  const verdict = judgePreconditions(ctx.req.headers, version, 'read')
  if (verdict.kind === 'failed') throw new StoreError('PRECONDITION_FAILED', verdict.detail)
  const location = ctx.method === 'GET' && verdict.kind === 'met' ? elsewhere() : null
  if (location !== null) {
    ctx.status = 307
    // It is good for a while, and for this client's network.
    ctx.set({ Location: location, 'Cache-Control': 'no-store' })
    return
  }
  ctx.set({ ...safeHeaders(record.name, record.contentType), ...headers })
  ctx.set({
    ETag: version.etag,
    'Accept-Ranges': 'bytes',
    'Last-Modified': new Date(version.lastModified).toUTCString(),
    'Cache-Control': 'no-cache',
  })
  ctx.status = 200
  if (verdict.kind === 'not-modified') {
    ctx.status = 304
    return
  }
  // Only GET has ranges (RFC 9110 section 14.2).
  const isWhole = ctx.req.headers.range === undefined || ctx.method === 'HEAD'
  const { start, end } = isWhole ? { start: 0, end: record.size } : takeRange(ctx, record, version)
  ctx.set('Content-Length', String(end - start))
  if (ctx.method === 'HEAD') return
  await sendBody(deps, ctx, record, { start, end })
}

/** @throws RANGE_NOT_SATISFIABLE */
function takeRange(ctx: AppContext, record: FileRecord, version: Validators): ByteRange {
  const whole = { start: 0, end: record.size }
  if (!isSameForRange(ctx.req.headers, version)) return whole
  ctx.set('Content-Range', `bytes */${record.size}`) // a refusal of the range says this
  const range = byteRangeOf(ctx.req.headers.range, record.size)
  ctx.remove('Content-Range')
  if (range === null) return whole
  ctx.status = 206
  ctx.set('Content-Range', `bytes ${range.start}-${range.end - 1}/${record.size}`)
  return range
}

async function sendBody(deps: SendDeps, ctx: AppContext, record: FileRecord, range: ByteRange): Promise<void> {
  const length = range.end - range.start
  const readBytes = readBytesOf(record, range)
  using share = deps.memory.take(readBytes)
  const pace = { isAhead: share.isAhead, isTaken: () => ctx.res.writableLength === 0 }
  const bytes = readFile(deps, record, range, ctx.state, pace)
  // The first part is there, and right, before the headers go: until then an error can still be an answer.
  const first = await bytes.next()
  if (ctx.state.isGone) throw new StoreError('CANCELLED')
  if (first.done === true) {
    ctx.body = Buffer.alloc(0)
    return
  }
  if (first.value.length === length && length <= PIECE_BYTES) {
    watchStall(ctx.res)
    // A few bytes of a part must not keep all of it in memory.
    ctx.body = readBytes > length ? Buffer.from(first.value) : first.value
    return
  }
  await sendStream(ctx, record, first.value, bytes)
}

/** Sends the headers and then the bytes as they come. What goes wrong after that ends the connection. */
export async function sendStream(
  ctx: AppContext,
  { _id: fileId }: Pick<FileRecord, '_id'>,
  first: Buffer,
  rest: AsyncIterable<Buffer>,
): Promise<void> {
  ctx.respond = false
  ctx.flushHeaders()
  const { log, signal } = ctx.state
  try {
    await pipeline(writeUnlessStalled(ctx.res, first, rest), ctx.res, { signal })
  } catch (error) {
    if (signal.aborted) log.debug({ fileId }, 'client gone')
    else log.warn({ fileId, err: error }, 'download ended early')
    ctx.res.destroy()
  }
}
