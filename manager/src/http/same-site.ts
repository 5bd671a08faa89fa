import { StoreError } from '@holdfast/shared/errors/store-error'
import { isLoopback } from '@holdfast/shared/node/loopback'
import type { AppMiddleware } from './request-context.ts'

const readingMethods = ['GET', 'HEAD', 'OPTIONS']

/**
 * Refuses writes that a browser makes for a page of another site, for loopback is open to every page that the user visits. It
 * goes by `Sec-Fetch-Site` (https://www.w3.org/TR/fetch-metadata/) and, for browsers that do not send it to plain HTTP, by
 * `Origin`. Clients that are no browsers send neither.
 * @param publicUrl MANAGER_URL, for a proxy may ask for another host
 */
export function refuseCrossSiteWrites(publicUrl: string | null): AppMiddleware {
  const publicOrigin = publicUrl === null ? null : new URL(publicUrl).origin
  return (ctx, next) => {
    if (!readingMethods.includes(ctx.method)) {
      const { 'sec-fetch-site': site, origin, host } = ctx.req.headers
      const isOtherSite = site !== undefined && site !== '' && site !== 'same-origin' && site !== 'none'
      const isOtherOrigin = origin !== undefined && origin !== '' && !isOriginOf(origin, host, publicOrigin)
      if (isOtherSite || isOtherOrigin) throw new StoreError('FORBIDDEN', 'a page of another site may not write here')
    }
    return next()
  }
}

/** @returns whether a page of this origin is this site's own: the public one's, or that of the host which was asked for */
function isOriginOf(text: string, host: string | undefined, publicOrigin: string | null): boolean {
  const [start, protocol] = /^(https?:)\/\//i.exec(text) ?? []
  if (start === undefined || protocol === undefined) return false
  const origin = urlOf(protocol, text.slice(start.length))?.origin
  return origin !== undefined && (origin === publicOrigin || origin === urlOf(protocol, host)?.origin)
}

/**
 * Refuses on loopback requests for any other name. A page whose own name was made to mean 127.0.0.1 (DNS rebinding) is the
 * same site to its browser, and only the `Host` it asks for tells.
 * @param publicUrl MANAGER_URL, for a proxy in front
 */
export function refuseOtherHosts(listensOn: string, publicUrl: string | null): AppMiddleware {
  const isWatched = isLoopback(listensOn)
  const publicAt = publicUrl === null ? null : new URL(publicUrl)
  const isAllowed = (host: string): boolean => {
    // The scheme says which port need not be named, and a proxy may name it all the same.
    const asked = urlOf(publicAt?.protocol ?? 'http:', host)
    return asked !== null && (asked.host === publicAt?.host || isLoopback(asked.hostname.replace(/^\[(.*)\]$/, '$1')))
  }
  /** Nearly every request names the same host, so the last one that was allowed is not judged again. */
  let lastAllowed: string | undefined
  return (ctx, next) => {
    const { host } = ctx.req.headers
    if (isWatched && host !== undefined && host !== lastAllowed) {
      if (!isAllowed(host))
        throw new StoreError('FORBIDDEN', 'this manager serves its own machine: for another host name set MANAGER_URL')
      lastAllowed = host
    }
    return next()
  }
}

/** Takes a host with or without a port, and nothing else that a URL may hold. @returns null where it is no host */
function urlOf(protocol: string, host: string | undefined): URL | null {
  if (host === undefined || !/^[^\s/\\?#@]+$/.test(host)) return null
  return URL.canParse(`${protocol}//${host}`) ? new URL(`${protocol}//${host}`) : null
}
