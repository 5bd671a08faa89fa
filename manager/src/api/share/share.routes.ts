import { StoreError } from '@holdfast/shared/errors/store-error'
import { type FileName, parseFileName } from '@holdfast/shared/file-name'
import { isLinkId } from '@holdfast/shared/ids'
import Router from '@koa/router'
import { openIncomingFile, openIncomingFiles, openRawFile } from '../../bodies/open-incoming-file.ts'
import { chooseUploadFormat } from '../../bodies/upload-format.ts'
import { lastSegmentOf } from '../../bodies/upload-label.ts'
import type { FileRecord } from '../../files/file.model.ts'
import { type PutDeps, type PutWish, putFile } from '../../files/put-file.ts'
import { UnfinishedFiles } from '../../files/unfinished-files.ts'
import { wantsHtml } from '../../http/html.ts'
import { parseQuery } from '../../http/parse-query.ts'
import type { AppContext, RequestState } from '../../http/request-context.ts'
import { type DirectDeps, directUrl } from '../file-exchange/direct-download.ts'
import { describeUpload, type FileDescription } from '../file-exchange/file-description.ts'
import { type PageLinks, sendPlainPage } from '../file-exchange/plain-page.ts'
import { type SendDeps, sendFile } from '../file-exchange/send-file.ts'
import { UploadContext } from '../file-exchange/upload-context.ts'
import type { UploadGate } from '../file-exchange/upload-gate.ts'
import { expiryOf, parseUploadWish, type ReceivingLimits, receiving } from '../file-exchange/upload-wish.ts'
import { plainLinks } from './plain-links.ts'
import { downloadQuery, shareQuery } from './share.operations.ts'

export interface ShareApiDeps extends PutDeps, SendDeps, ReceivingLimits, DirectDeps {
  readonly gate: UploadGate
  readonly page: PageLinks
}

/** Serves `POST /upload`, and `GET` and `HEAD` of `/download/:id`: files that are found by a link. */
export function shareRoutes(deps: ShareApiDeps): Router<RequestState> {
  const router = new Router<RequestState>()

  router.post('/upload', async (ctx) => {
    using _place = deps.gate.admit()
    const format = chooseUploadFormat(ctx.req.headers, nameInQuery(ctx), new Date())
    if (format.kind === 'multipart') {
      const records = await receiveSeveral(deps, ctx)
      return answer(ctx, deps.page, records.map(describeUpload))
    }
    const wish = { ...wishOf(ctx), ...linkInQuery(ctx) }
    const upload = new UploadContext(ctx.state)
    const options = receiving(deps, ctx, wish, upload)
    const file =
      format.kind === 'form'
        ? await openIncomingFile(ctx.req, options)
        : await openRawFile(ctx.req, { name: format.name, ...options })
    answer(ctx, deps.page, [describeUpload(await putFile(deps, file, wish, upload))])
  })

  router.get('/download/:id', async (ctx) => {
    const { id } = ctx.params
    const record = isLinkId(id) ? await deps.records.findByLink(id) : null
    if (record === null) throw new StoreError('FILE_NOT_FOUND')
    const { direct } = parseQuery(downloadQuery, ctx.req.url ?? '')
    await sendFile(deps, ctx, record, {
      elsewhere: () => (direct === 'false' ? null : directUrl(deps, ctx, record)),
    })
  })
  return router
}

/** One file is answered by itself, several by a list, and a form of a page without scripts by a page. */
function answer(ctx: AppContext, page: PageLinks, files: readonly FileDescription[]): void {
  const [first] = files
  ctx.status = 201
  if (files.length === 1 && first !== undefined) ctx.set('Location', first.url)
  if (wantsHtml(ctx)) {
    const title = files.length === 1 ? 'Your file is stored' : `Your ${files.length} files are stored`
    sendPlainPage(ctx, page, { title, body: plainLinks(files, originOf(ctx)) })
  } else ctx.body = files.length === 1 ? first : files
}

/** A browser says where the page of its form came from, which is how others reach this manager too. */
function originOf(ctx: AppContext): string {
  const { origin, host = '' } = ctx.req.headers
  return origin !== undefined && URL.canParse(origin) ? origin : `http://${host}`
}

/**
 * Stores the files of a form one after the other. If one of them fails, none stays: at once where that can be, else because
 * they expire, for their links are told to nobody.
 */
async function receiveSeveral(deps: ShareApiDeps, ctx: AppContext): Promise<FileRecord[]> {
  if (linkInQuery(ctx) !== null) throw new StoreError('INVALID_REQUEST', 'a form may have several files, not one link')
  const asked = wishOf(ctx)
  const upload = new UploadContext(ctx.state)
  const options = { name: nameInQuery(ctx), ...receiving(deps, ctx, asked, upload) }
  const { fields, files } = await openIncomingFiles(ctx.req, options)
  using unfinished = new UnfinishedFiles(deps.records)
  try {
    // A page without scripts can say in the form when its files expire.
    const expiry = asked.expiry ?? expiryOf(fields.get('expires'))
    for await (const file of files)
      unfinished.add(await putFile(deps, file, { ...asked, expiry: unfinished.expiry }, upload))
    return await unfinished.finish(expiry?.(new Date()) ?? null)
  } catch (error) {
    await unfinished
      .abandon()
      .catch((cause: unknown) =>
        ctx.state.log.warn({ err: cause }, 'files of a form that failed stay until they expire'),
      )
    throw error
  }
}

function wishOf(ctx: AppContext): PutWish {
  return { addressedBy: 'link', ...parseUploadWish(ctx, 'replicated') }
}

function linkInQuery(ctx: AppContext): Pick<PutWish, 'link'> | null {
  const { link } = parseQuery(shareQuery, ctx.req.url ?? '')
  return isLinkId(link) ? { link } : null
}

/** The name of a share is a label, so a path in it says nothing. */
function nameInQuery(ctx: AppContext): FileName | null {
  const { name } = parseQuery(shareQuery, ctx.req.url ?? '')
  return name === undefined ? null : parseFileName(lastSegmentOf(name))
}
