import { StoreError } from '@holdfast/shared/errors/store-error'
import type { AppMiddleware } from './request-context.ts'

/**
 * Refuses a request without a host (RFC 9112, section 3.2), and gives every route the same form of target, because URL
 * parsers throw on some of what HTTP lets through.
 */
export const useOriginForm: AppMiddleware = (ctx, next) => {
  const { httpVersion, headers } = ctx.req
  if (httpVersion === '1.1' && headers.host === undefined)
    throw new StoreError('INVALID_REQUEST', 'HTTP/1.1 needs a Host header')
  ctx.req.url = originFormOf(ctx.req.url ?? '')
  return next()
}

/**
 * Reads the path and query of a request's target. A proxy's absolute form (RFC 9112, section 3.2.2) loses its origin. @throws
 * INVALID_REQUEST where it is neither form, or has a fragment
 */
export function originFormOf(target: string): string {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '')
  if (path.includes('#')) throw new StoreError('INVALID_REQUEST', 'a request target has no fragment')
  if (path === '' || path.startsWith('?')) return `/${path}`
  if (path.startsWith('/') || path === '*') return path
  throw new StoreError('INVALID_REQUEST', 'the request target is not a path')
}
