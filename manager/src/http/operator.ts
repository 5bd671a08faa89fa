import type { IncomingHttpHeaders } from 'node:http'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { Digest } from '@holdfast/shared/ids'
import { isLoopback } from '@holdfast/shared/node/loopback'
import {
  bodyDigest,
  findTicketProblem,
  MANAGER_TICKET,
  readBearer,
  type TicketProblem,
} from '@holdfast/shared/node/ticket'
import type { AppContext } from './request-context.ts'
import { isLoopbackHost, type KnownHosts } from './same-site.ts'

/** Proxies add these, if not every one of them does. */
const proxyHeaders = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip']

/** @returns whether a request came through a proxy, whose address says nothing of the client's */
export function isProxied(headers: IncomingHttpHeaders): boolean {
  return proxyHeaders.some((name) => headers[name] !== undefined)
}

const problems: Readonly<Record<TicketProblem, string>> = {
  malformed: 'this is no ticket: "holdfast ticket METHOD PATH" prints one',
  other: 'the ticket is for another request (method, path with query, body), or was made with another secret',
  expired: 'the ticket has expired',
}

export interface OperatorDeps extends KnownHosts {
  readonly clusterSecret: string
}

/**
 * Lets an operator's request pass. A route calls it before it does anything.
 * @param bodySha256 of the whole body, where the request may have one
 * @throws UNAUTHORIZED
 */
export type RequireOperator = (ctx: AppContext, bodySha256?: Digest) => void

/**
 * Makes the guard of all operator routes. It lets everyone pass who reaches the manager from its own machine, where nothing says
 * that the manager is reached from anywhere else; else a request needs a ticket.
 */
export function operatorGuard({ host, publicUrl, publicHosts, clusterSecret }: OperatorDeps): RequireOperator {
  const isPrivate = isLoopback(host) && publicUrl === null && publicHosts.length === 0
  return (ctx, bodySha256 = bodyDigest('')) => {
    const { headers, url = '' } = ctx.req
    // A proxy on this machine may bring requests from others, though no setting speaks of it.
    if (isPrivate && isLoopbackHost(headers.host) && !isProxied(headers)) return
    const ticket = readBearer(headers.authorization)
    if (ticket === null)
      throw new StoreError('UNAUTHORIZED', 'an operator route needs a ticket: "holdfast ticket METHOD PATH" prints one')
    const request = { method: ctx.method, path: url, bodySha256, server: MANAGER_TICKET }
    const problem = findTicketProblem(ticket, clusterSecret, request, Date.now() / 1000)
    if (problem !== null) throw new StoreError('UNAUTHORIZED', problems[problem])
  }
}
