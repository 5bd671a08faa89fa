import { StoreError } from '@holdfast/shared/errors/store-error'
import Router from '@koa/router'
import type { AppContext, RequestState } from '../../http/request-context.ts'
import { pageHeaders } from '../file-exchange/plain-page.ts'
import type { PageEncoding, PageFile, PageFiles } from './page-files.ts'

/** Scripts come from the page's own files, and what is stored is shown as pictures, sound and film, or fetched as bytes. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "media-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Serves the page at `GET /`, and the files that it loads at `/assets/:name`. */
export function pageRoutes({ index, assets }: PageFiles): Router<RequestState> {
  const router = new Router<RequestState>()
  router.get('/', (ctx) => {
    if (index === null) {
      // The plain list is served without anything built.
      ctx.redirect('/files')
      return
    }
    ctx.set({ ...pageHeaders, 'Content-Security-Policy': PAGE_POLICY, 'Cache-Control': 'no-cache' })
    send(ctx, index)
  })
  router.get('/assets/:name', (ctx) => {
    const file = assets.get(ctx.params.name ?? '')
    if (file === undefined) throw new StoreError('ROUTE_NOT_FOUND', `GET ${ctx.path}`.slice(0, 200))
    ctx.set({
      'Content-Type': file.type,
      'Cross-Origin-Resource-Policy': 'same-origin',
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': 'public, max-age=31536000, immutable',
      // A worker has a policy of its own, and this is its.
      'Content-Security-Policy': "default-src 'none'; script-src 'self'; connect-src 'self'",
    })
    send(ctx, file)
  })
  return router
}

function send(ctx: AppContext, { etag, bytes, compressed }: PageFile): void {
  ctx.vary('Accept-Encoding')
  const encoding = ctx.acceptsEncodings([...Object.keys(compressed), 'identity'])
  const chosen = encoding === false ? undefined : compressed[encoding as PageEncoding]
  // Each form of a file has a tag of its own.
  ctx.set('ETag', `"${etag}${chosen === undefined ? '' : `-${encoding}`}"`)
  ctx.status = 200
  if (ctx.fresh) {
    ctx.status = 304
    return
  }
  if (chosen !== undefined) ctx.set('Content-Encoding', String(encoding))
  ctx.set('Content-Length', String((chosen ?? bytes).length))
  ctx.body = chosen ?? bytes
}
