import { StoreError } from '@holdfast/shared/errors/store-error'
import { decodeFileNamePath, encodeFileNamePath, type FileName } from '@holdfast/shared/file-name'
import Router from '@koa/router'
import { openIncomingFile, openRawFile } from '../../bodies/open-incoming-file.ts'
import { deleteFile } from '../../files/delete-file.ts'
import type { FileRecord } from '../../files/file.model.ts'
import { type PutDeps, putFile } from '../../files/put-file.ts'
import { hasPreconditions, judgePreconditions, objectionOf, validatorsOf } from '../../http/preconditions.ts'
import type { AppContext, RequestState } from '../../http/request-context.ts'
import { type SendDeps, sendFile } from '../file-exchange/send-file.ts'
import { type SendTorrentDeps, sendTorrent, wantsTorrent } from '../file-exchange/send-torrent.ts'
import { UploadContext } from '../file-exchange/upload-context.ts'
import type { UploadGate } from '../file-exchange/upload-gate.ts'
import { parseUploadWish, type ReceivingLimits, receiving } from '../file-exchange/upload-wish.ts'
import type { DeletedFile, StoredFile } from './file.operations.ts'

export interface FileApiDeps extends PutDeps, SendDeps, SendTorrentDeps, ReceivingLimits {
  readonly gate: UploadGate
}

/** `/file/a/b` and `/file/a%2Fb` are the same name, and only what follows the first `/file/` is the name. */
const onePath = /^\/file\/.+$/s

/** Serves `POST /file`, and `GET`, `HEAD`, `PUT` and `DELETE` of `/file/:filename`. */
export function fileRoutes(deps: FileApiDeps): Router<RequestState> {
  const router = new Router<RequestState>()

  router.post('/file', async (ctx) => {
    using _place = deps.gate.admit()
    // This system promises that a file is an ordinary one on one file-server.
    const wish = { addressedBy: 'path' as const, ...parseUploadWish(ctx, 'single') }
    const upload = new UploadContext(ctx.state)
    const file = await openIncomingFile(ctx.req, receiving(deps, ctx, wish, upload))
    const record = await putFile(deps, file, wish, upload)
    ctx.status = 201
    ctx.body = summaryOf(record)
    ctx.set('Location', `/file/${encodeFileNamePath(record.name)}`)
  })

  router.put(onePath, async (ctx) => {
    using _place = deps.gate.admit()
    let isNew = true
    const replacing = (current: FileRecord | null): StoreError | null => {
      isNew = current === null
      const verdict = judgePreconditions(ctx.req.headers, current && validatorsOf(current), 'change')
      return verdict.kind === 'failed' ? new StoreError('PRECONDITION_FAILED', verdict.detail) : null
    }
    const wish = { addressedBy: 'path' as const, replacing, ...parseUploadWish(ctx, 'replicated') }
    const name = nameOf(ctx)
    // To take a part for the whole would lose the rest (RFC 9110 section 14.5).
    if (ctx.req.headers['content-range'] !== undefined)
      throw new StoreError('INVALID_REQUEST', 'a file is stored as a whole, without Content-Range')
    if (hasPreconditions(ctx.req.headers)) {
      // The client need not send the body of what would be refused.
      const refusal = replacing(await deps.records.findLive(name))
      if (refusal !== null) throw refusal
    }
    const upload = new UploadContext(ctx.state)
    const file = await openRawFile(ctx.req, { name, ...receiving(deps, ctx, wish, upload) })
    const record = await putFile(deps, file, wish, upload)
    ctx.status = isNew ? 201 : 200
    ctx.body = summaryOf(record)
    ctx.set('ETag', validatorsOf(record).etag)
    if (isNew) ctx.set('Location', `/file/${encodeFileNamePath(record.name)}`)
  })

  router.get(onePath, async (ctx) => {
    const record = await deps.records.findLive(nameOf(ctx))
    if (record === null) throw new StoreError('FILE_NOT_FOUND')
    if (ctx.method === 'GET' && wantsTorrent(ctx)) await sendTorrent(deps, ctx, record)
    else await sendFile(deps, ctx, record)
  })

  router.delete(onePath, async (ctx) => {
    const { requestId, log } = ctx.state
    const record = await deleteFile(deps, nameOf(ctx), { requestId, log, objection: objectionOf(ctx.req.headers) })
    const answer: DeletedFile = { filename: record.name, id: record._id.toHexString() }
    ctx.body = answer
  })
  return router
}

function nameOf(ctx: AppContext): FileName {
  // The target is taken as it came, because URL parsers rewrite some of what a name may hold.
  const target = ctx.req.url ?? ''
  return decodeFileNamePath(target.slice('/file/'.length).replace(/\?.*$/s, ''))
}

function summaryOf(record: FileRecord): StoredFile {
  const { name, _id, size, sha256, contentType, storageClass, createdAt, expiresAt, short } = record
  return {
    filename: name,
    id: _id.toHexString(),
    sizeBytes: size,
    sha256,
    contentType,
    class: storageClass,
    createdAt: createdAt.toISOString(),
    ...(expiresAt !== null && { expiresAt: expiresAt.toISOString() }),
    // Fewer file-servers than asked for have it yet.
    ...(short !== undefined && { degraded: true }),
  }
}
