import { StoreError } from '@holdfast/shared/errors/store-error'
import { isLoopback } from '@holdfast/shared/node/loopback'
import type { AppMiddleware } from './request-context.ts'

const readingMethods = ['GET', 'HEAD', 'OPTIONS']

/**
 * Refuses writes that a browser makes for a page of another site: loopback is open to every page the user visits. By
 * `Sec-Fetch-Site` (https://www.w3.org/TR/fetch-metadata/) and, for browsers that do not send it to plain HTTP, by
 * `Origin`. Clients that are no browsers send neither.
 */
export const refuseCrossSiteWrites: AppMiddleware = (ctx, next) => {
  if (!readingMethods.includes(ctx.method)) {
    const { 'sec-fetch-site': site, origin } = ctx.req.headers
    const isOtherSite = site !== undefined && site !== '' && site !== 'same-origin' && site !== 'none'
    const isOtherOrigin =
      origin !== undefined && origin !== '' && origin !== `http://${ctx.host}` && origin !== `https://${ctx.host}`
    if (isOtherSite || isOtherOrigin) throw new StoreError('FORBIDDEN', 'a page of another site may not write here')
  }
  return next()
}

/**
 * On loopback, refuses requests for any other name: a page whose own name was made to mean 127.0.0.1 (DNS rebinding) is
 * the same site to its browser, and only the `Host` it asks for tells. @param publicHost of MANAGER_URL, for a proxy in front
 */
export function refuseOtherHosts(listensOn: string, publicHost: string | null): AppMiddleware {
  const isWatched = isLoopback(listensOn)
  /** Nearly every request names the same one. */
  let lastAllowed = publicHost ?? undefined
  return (ctx, next) => {
    const { host } = ctx.req.headers
    if (isWatched && host !== undefined && host !== lastAllowed) {
      if (host === publicHost || isLoopback(nameOf(host).toLowerCase())) lastAllowed = host
      else
        throw new StoreError('FORBIDDEN', 'this manager serves its own machine: for another host name set MANAGER_URL')
    }
    return next()
  }
}

/** `name`, `name:port`, `[v6]:port`. */
function nameOf(host: string): string {
  return /^\[(.*)\](:\d+)?$/.exec(host)?.[1] ?? host.replace(/:\d+$/, '')
}
