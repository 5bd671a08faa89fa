import { isIP } from 'node:net'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { isLoopback } from '@holdfast/shared/node/loopback'
import type { AppMiddleware } from './request-context.ts'

const readingMethods = ['GET', 'HEAD', 'OPTIONS']

/** Says by which names clients reach this manager. */
export interface KnownHosts {
  /** HOST gives this address, on which the manager listens. */
  readonly host: string
  /** MANAGER_URL gives it. */
  readonly publicUrl: string | null
  /** PUBLIC_HOSTS and PUBLIC_URL name these. */
  readonly publicHosts: readonly string[]
}

/**
 * Refuses writes that a browser makes for a page of another site, for loopback is open to every page that the user visits. It
 * goes by `Sec-Fetch-Site` (https://www.w3.org/TR/fetch-metadata/) and, for browsers that do not send it to plain HTTP, by
 * `Origin`. Clients that are no browsers send neither.
 * @param publicUrl MANAGER_URL, for a proxy may ask for another host
 * @param isOpen whether each request to a path shows credentials of its own, so that a page gains nothing by whose browser it is in
 */
export function refuseCrossSiteWrites(
  publicUrl: string | null,
  isOpen: (path: string) => boolean = () => false,
): AppMiddleware {
  const publicOrigin = publicUrl === null ? null : new URL(publicUrl).origin
  return (ctx, next) => {
    if (!readingMethods.includes(ctx.method) && !isOpen(ctx.path)) {
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
 * Refuses requests for a host name that nobody told this manager of. A page whose own name was made to mean an address of the
 * user's network (DNS rebinding) is the same site to its browser, and only the `Host` it asks for tells. An IP address was
 * resolved by nobody, so any of them is served.
 */
export function refuseOtherHosts({ host: ownHost, publicUrl, publicHosts }: KnownHosts): AppMiddleware {
  const publicAt = publicUrl === null ? null : new URL(publicUrl)
  const names = new Set([ownHost, ...publicHosts].map((name) => nameOf(urlOf('http:', name))))
  const isAllowed = (host: string): boolean => {
    // The scheme says which port need not be named, and a proxy may name it all the same.
    const asked = urlOf(publicAt?.protocol ?? 'http:', host)
    if (asked === null) return false
    const name = nameOf(asked)
    return asked.host === publicAt?.host || isIP(name) !== 0 || isLocalName(name) || (name !== '' && names.has(name))
  }
  /** Nearly every request names the same host, so the last one that was allowed is not judged again. */
  let lastAllowed: string | undefined
  return (ctx, next) => {
    const { host } = ctx.req.headers
    if (host !== undefined && host !== lastAllowed) {
      if (!isAllowed(host))
        throw new StoreError(
          'FORBIDDEN',
          'this manager is not known by the host name that was asked for: name it in PUBLIC_HOSTS, or as MANAGER_URL',
        )
      lastAllowed = host
    }
    return next()
  }
}

/** @returns whether a `Host` header asks for this very machine, by its loopback address or a name that always means it */
export function isLoopbackHost(host: string | undefined): boolean {
  const name = nameOf(urlOf('http:', host))
  return isLoopback(name) || isLocalName(name)
}

/** RFC 6761, section 6.3: these never leave the machine, whatever a name server says. */
function isLocalName(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost')
}

/** @returns a URL's host name without the brackets of an address and the dot of the root */
function nameOf(url: URL | null): string {
  return url === null ? '' : url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
}

/** Takes a host with or without a port, and nothing else that a URL may hold. @returns null where it is no host */
function urlOf(protocol: string, host: string | undefined): URL | null {
  if (host === undefined || !/^[^\s/\\?#@]+$/.test(host)) return null
  return URL.canParse(`${protocol}//${host}`) ? new URL(`${protocol}//${host}`) : null
}
