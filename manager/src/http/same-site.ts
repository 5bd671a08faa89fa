import { StoreError } from '@holdfast/shared/errors/store-error'
import type { AppMiddleware } from './request-context.ts'

const readingMethods = ['GET', 'HEAD', 'OPTIONS']

/**
 * Refuses writes that a browser makes for a page of another site (https://www.w3.org/TR/fetch-metadata/): loopback is
 * open to every page the user visits. Clients that are no browsers send no such header.
 */
export const refuseCrossSiteWrites: AppMiddleware = async (ctx, next) => {
  const site = ctx.get('Sec-Fetch-Site')
  if (!readingMethods.includes(ctx.method) && site !== '' && site !== 'same-origin' && site !== 'none') {
    throw new StoreError('FORBIDDEN', 'a page of another site may not write here')
  }
  await next()
}
