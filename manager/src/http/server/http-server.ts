import { createServer, type IncomingMessage, type Server } from 'node:http'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { Logger } from '@holdfast/shared/node/logger'
import { STALL_LIMIT_MS } from '@holdfast/shared/node/write-unless-stalled'
import type Router from '@koa/router'
import Koa from 'koa'
import { errorMiddleware } from '../error-middleware.ts'
import { type RequestState, requestContext } from '../request-context.ts'
import { useOriginForm } from '../request-target.ts'
import { type KnownHosts, refuseCrossSiteWrites, refuseOtherHosts } from '../same-site.ts'
import { answerBare } from './bare-router.ts'
import { endUnlessAnswering, inTurn, watchDueAnswers } from './due-answers.ts'
import { ignoreUpgrades } from './ignore-upgrades.ts'
import { refuseConnections } from './refuse-connection.ts'

/**
 * The headers of a request have to come within this, counted from the connection. With 10 s some of 10,000 uploads that came
 * to a slow machine at one moment were refused.
 */
const HEADERS_TIMEOUT_MS = 30_000
/** Node looks so often whose headers are late, rather than every 30 s. */
const HEADERS_CHECK_MS = 1_000
export const MAX_CONNECTIONS = 10_000
/** All connections at once may hold so much of requests that never come to an end. */
const MAX_HEADER_BYTES = 16 * 1024

export interface HttpServerDeps extends KnownHosts {
  readonly routers: readonly Router<RequestState>[]
  /** A connection stays open this long between two requests. */
  readonly keepAliveMs: number
  /** Tells whether another listener of the server serves an upgrade. Every other one is ignored. */
  readonly isOwnUpgrade: (request: IncomingMessage) => boolean
  /** Tells whether each request to a path shows credentials of its own. */
  readonly isOpenToOtherSites?: (path: string) => boolean
  /** Targets and headers of a request may have so many bytes together. */
  readonly maxHeaderBytes?: number
  readonly log: Logger
}

/** Makes the HTTP server with its middleware in this order: context, errors, guards against other sites, routes. */
export function createHttpServer(deps: HttpServerDeps): Server {
  const { routers, publicUrl, log } = deps
  const koa = new Koa<RequestState>()
  const withContext = requestContext(log)
  const ofThisHost = refuseOtherHosts(deps)
  koa.use(withContext)
  koa.use(errorMiddleware)
  koa.use(useOriginForm)
  koa.use(ofThisHost)
  koa.use(refuseCrossSiteWrites(publicUrl, deps.isOpenToOtherSites))
  for (const router of routers) koa.use(router.routes())
  koa.use((ctx) => {
    const allowed = allowedMethods(routers, ctx.path)
    if (allowed.length === 0) throw new StoreError('ROUTE_NOT_FOUND', `${ctx.method} ${ctx.path}`.slice(0, 200))
    ctx.set('Allow', allowed.join(', '))
    throw new StoreError('METHOD_NOT_ALLOWED', `${ctx.path} answers ${allowed.join(', ')}`.slice(0, 200))
  })
  // Koa's own handler is reached only where a client went away while its answer was written.
  koa.on('error', (error) => log.debug({ err: error }, 'response not delivered'))

  const server = createServer({
    maxHeaderSize: deps.maxHeaderBytes ?? MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    connectionsCheckingInterval: HEADERS_CHECK_MS,
    requireHostHeader: false, // Node's own refusal has no body
  })
  const dueOn = watchDueAnswers(server)
  const handle = inTurn(answerBare(routers, [withContext, useOriginForm, ofThisHost], koa.callback()), dueOn)
  server.on('request', handle)
  server.requestTimeout = 0 // uploads take as long as they take; their pace is watched where they are read
  server.keepAliveTimeout = deps.keepAliveMs
  // Node leaves it to this listener to end a connection whose pause between two requests is over, too.
  server.setTimeout(STALL_LIMIT_MS, (connection) => endUnlessAnswering(connection, dueOn))
  server.maxHeadersCount = 0 // their bytes are bounded; Node would read the request without those above a count
  // A client that ends its side after its request waits for the answer (Node's types do not know this property).
  Object.assign(server, { httpAllowHalfOpen: true })
  server.maxConnections = MAX_CONNECTIONS
  // Whoever reads the body asks for it (`expectsContinue`).
  server.on('checkContinue', handle)
  refuseConnections(server, dueOn, log)
  ignoreUpgrades(server, deps.isOwnUpgrade, dueOn)
  return server
}

function allowedMethods(routers: readonly Router<RequestState>[], path: string): string[] {
  const layers = routers.flatMap((router) => router.match(path, 'OPTIONS').path)
  return [...new Set(layers.flatMap((layer) => layer.methods))]
}
