import { pipeline } from 'node:stream/promises'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { decodeFileNamePath, encodeFileNamePath, type FileName } from '@holdfast/shared/file-name'
import Router from '@koa/router'
import { openIncomingFile } from '../../bodies/open-incoming-file.ts'
import type { DownloadMemory } from '../../chunks/reading/download-memory.ts'
import { deleteFile } from '../../files/delete-file.ts'
import type { FileRecord } from '../../files/file.model.ts'
import { type GetDeps, readBytesOf, readFile } from '../../files/get-file.ts'
import { type PutDeps, putFile } from '../../files/put-file.ts'
import { type ByteRange, byteRangeOf } from '../../http/byte-range.ts'
import { expectsContinue } from '../../http/http-server.ts'
import {
  isSameForRange,
  judgePreconditions,
  objectionOf,
  type Validators,
  validatorsOf,
} from '../../http/preconditions.ts'
import type { AppContext, RequestState } from '../../http/request-context.ts'
import { safeHeaders } from '../../http/safe-headers.ts'
import { PIECE_BYTES, watchStall, writeUnlessStalled } from '../../http/write-unless-stalled.ts'
import type { DeletedFile, StoredFile } from './file.operations.ts'

export interface FileApiDeps extends PutDeps, GetDeps {
  /** It is false while the database is away: an upload is refused before its body is read. */
  readonly isDatabaseAvailable: () => boolean
  readonly memory: DownloadMemory
  readonly maxFileBytes: number
  readonly senderPatienceMs: number
  readonly maxUploads: number
}

/** `/file/a/b` and `/file/a%2Fb` are the same name, and only what follows the first `/file/` is the name. */
const onePath = /^\/file\/.+$/s

/** Serves `POST /file`, and `GET`, `HEAD` and `DELETE` of `/file/:filename`. */
export function fileRoutes(deps: FileApiDeps): Router<RequestState> {
  const router = new Router<RequestState>()
  let uploadCount = 0

  router.post('/file', async (ctx) => {
    admitUpload(deps, uploadCount)
    uploadCount++
    try {
      const record = await receive(deps, ctx)
      ctx.status = 201
      ctx.body = summaryOf(record)
      ctx.set('Location', `/file/${encodeFileNamePath(record.name)}`)
    } finally {
      uploadCount--
    }
  })

  router.get(onePath, async (ctx) => {
    const record = await deps.records.findLive(nameOf(ctx))
    if (record === null) throw new StoreError('FILE_NOT_FOUND')
    await send(deps, ctx, record)
  })

  router.delete(onePath, async (ctx) => {
    const { requestId, log } = ctx.state
    const record = await deleteFile(deps, nameOf(ctx), { requestId, log, objection: objectionOf(ctx.req.headers) })
    const answer: DeletedFile = { filename: record.name, id: record._id.toHexString() }
    ctx.body = answer
  })
  return router
}

/** Refuses before the body is read whatever can be refused then. */
function admitUpload({ registry, isDatabaseAvailable, maxUploads }: FileApiDeps, uploadCount: number): void {
  if (uploadCount >= maxUploads) throw new StoreError('OVERLOADED')
  const { readiness } = registry
  if (readiness === 'unavailable') throw new StoreError('SERVERS_UNAVAILABLE')
  if (readiness === 'full') throw new StoreError('INSUFFICIENT_STORAGE')
  if (!isDatabaseAvailable()) throw new StoreError('DATABASE_UNAVAILABLE')
}

async function receive(deps: FileApiDeps, ctx: AppContext): Promise<FileRecord> {
  const { maxFileBytes, senderPatienceMs: patienceMs } = deps
  const options = { maxFileBytes, patienceMs, expectsContinue: expectsContinue(ctx.req), caller: ctx.state }
  const file = await openIncomingFile(ctx.req, ctx.res, options)
  return putFile(deps, file, ctx.state)
}

async function send(deps: FileApiDeps, ctx: AppContext, record: FileRecord): Promise<void> {
  const version = validatorsOf(record)
  const verdict = judgePreconditions(ctx.req.headers, version, 'read')
  if (verdict.kind === 'failed') throw new StoreError('PRECONDITION_FAILED', verdict.detail)
  ctx.set(safeHeaders(record.name, record.contentType))
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

async function sendBody(deps: FileApiDeps, ctx: AppContext, record: FileRecord, range: ByteRange): Promise<void> {
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
  ctx.respond = false
  ctx.flushHeaders()
  const { log, signal } = ctx.state
  try {
    await pipeline(writeUnlessStalled(ctx.res, first.value, bytes), ctx.res, { signal })
  } catch (error) {
    if (signal.aborted) log.debug({ fileId: record._id }, 'client gone')
    else log.warn({ fileId: record._id, err: error }, 'download ended early')
    ctx.res.destroy()
  }
}

function nameOf(ctx: AppContext): FileName {
  // The target is taken as it came, because URL parsers rewrite some of what a name may hold.
  const target = ctx.req.url ?? ''
  return decodeFileNamePath(target.slice('/file/'.length).replace(/\?.*$/s, ''))
}

function summaryOf(record: FileRecord): StoredFile {
  const { name, _id, size, sha256, contentType, createdAt } = record
  return {
    filename: name,
    id: _id.toHexString(),
    sizeBytes: size,
    sha256,
    contentType,
    createdAt: createdAt.toISOString(),
  }
}
