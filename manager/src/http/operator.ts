import type { IncomingHttpHeaders } from 'node:http'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { Digest } from '@holdfast/shared/ids'
import { isLoopback } from '@holdfast/shared/node/loopback'
import {
  bodyDigest,
  findFormProblem,
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

export interface RequireOperator {
  /**
   * Lets an operator's request pass. A route calls it before it does anything.
   * @param bodySha256 of the whole body, where the request may have one
   * @throws UNAUTHORIZED
   */
  (ctx: AppContext, bodySha256?: Digest): void
  /** Refuses a request that no body would make an operator's. It proves nothing. @throws UNAUTHORIZED */
  readonly beforeBody: (ctx: AppContext) => void
}

/**
 * Makes the guard of all operator routes. It lets everyone pass who reaches the manager from its own machine, where nothing says
 * that the manager is reached from anywhere else; else a request needs a ticket.
 */
export function operatorGuard({ host, publicUrl, publicHosts, clusterSecret }: OperatorDeps): RequireOperator {
  const isPrivate = isLoopback(host) && publicUrl === null && publicHosts.length === 0
  // A proxy on this machine may bring requests from others, though no setting speaks of it.
  const isOwn = ({ req: { headers } }: AppContext): boolean =>
    isPrivate && isLoopbackHost(headers.host) && !isProxied(headers)
  const guard = (ctx: AppContext, bodySha256 = bodyDigest('')): void => {
    if (isOwn(ctx)) return
    const request = { method: ctx.method, path: ctx.req.url ?? '', bodySha256, server: MANAGER_TICKET }
    refuse(findTicketProblem(ticketIn(ctx), clusterSecret, request, Date.now() / 1000))
  }
  const beforeBody = (ctx: AppContext): void => {
    if (!isOwn(ctx)) refuse(findFormProblem(ticketIn(ctx), Date.now() / 1000))
  }
  return Object.assign(guard, { beforeBody })
}

function ticketIn({ req }: AppContext): string {
  const ticket = readBearer(req.headers.authorization)
  if (ticket === null)
    throw new StoreError('UNAUTHORIZED', 'an operator route needs a ticket: "holdfast ticket METHOD PATH" prints one')
  return ticket
}

function refuse(problem: TicketProblem | null): void {
  if (problem !== null) throw new StoreError('UNAUTHORIZED', problems[problem])
}
