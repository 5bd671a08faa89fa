import { StoreError } from '@holdfast/shared/errors/store-error'
import { isLoopback } from '@holdfast/shared/node/loopback'
import type { AppMiddleware } from './request-context.ts'

const readingMethods = ['GET', 'HEAD', 'OPTIONS']

/**
 * Refuses writes that a browser makes for a page of another site: loopback is open to every page the user visits. By
 * `Sec-Fetch-Site` (https://www.w3.org/TR/fetch-metadata/) and, for browsers that do not send it to plain HTTP, by
 * `Origin`. Clients that are no browsers send neither.
 */
export const refuseCrossSiteWrites: AppMiddleware = async (ctx, next) => {
  if (!readingMethods.includes(ctx.method)) {
    const site = ctx.get('Sec-Fetch-Site')
    const origin = ctx.get('Origin')
    const isOtherSite = site !== '' && site !== 'same-origin' && site !== 'none'
    const isOtherOrigin = origin !== '' && origin !== `http://${ctx.host}` && origin !== `https://${ctx.host}`
    if (isOtherSite || isOtherOrigin) throw new StoreError('FORBIDDEN', 'a page of another site may not write here')
  }
  await next()
}

/**
 * On loopback, refuses requests for any other name: a page whose own name was made to mean 127.0.0.1 (DNS rebinding) is
 * the same site to its browser, and only the `Host` it asks for tells. @param publicHost of MANAGER_URL, for a proxy in front
 */
export function refuseOtherHosts(listensOn: string, publicHost: string | null): AppMiddleware {
  return async (ctx, next) => {
    const { host } = ctx.req.headers
    if (host !== undefined && isLoopback(listensOn) && host !== publicHost && !isLoopback(nameOf(host).toLowerCase())) {
      throw new StoreError('FORBIDDEN', 'this manager serves its own machine: for another host name set MANAGER_URL')
    }
    await next()
  }
}

/** `name`, `name:port`, `[v6]:port`. */
function nameOf(host: string): string {
  return /^\[(.*)\](:\d+)?$/.exec(host)?.[1] ?? host.replace(/:\d+$/, '')
}
