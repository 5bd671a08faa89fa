import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { parseChunkTarget, withoutTicket } from '@holdfast/shared/node/chunk-url'
import type { Logger } from '@holdfast/shared/node/logger'
import { StartError } from '@holdfast/shared/node/run-service'
import { answerError } from './error-answer.ts'
import { Gate } from './gate.ts'
import { type GetDeps, getChunk } from './get-chunk.ts'
import { type PostDeps, postChunk } from './post-chunk.ts'
import { TicketedRequest } from './require-ticket.ts'

/** A download has two parts of 4 MiB in memory, a post its body. */
const MAX_DOWNLOADS = 32
const MAX_POSTS = 16
const MAX_STRANGERS = 4
const MAX_CONNECTIONS = 1_024
const HEADERS_TIMEOUT_MS = 10_000
const KEEP_ALIVE_MS = 15_000
/** Answers under way may go on for so long when the file-server stops. */
const DRAIN_MS = 2_000

export interface ChunkPortOptions extends Pick<GetDeps, 'store' | 'tagsOf'>, Pick<PostDeps, 'storePosted'> {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Others reach it here; it is made of host and port where it is null. */
  readonly url: string | null
  readonly secret: string
  readonly log: Logger
}

/** Serves `POST /chunk` and `GET /chunk/{sha-256}` to whoever has a ticket: other file-servers, and clients. */
export class ChunkPort {
  /** Others are told this address. */
  readonly url: string
  readonly #server: Server

  private constructor(server: Server, url: string) {
    this.#server = server
    this.url = url
  }

  /** @throws StartError where it cannot listen */
  static async open(options: ChunkPortOptions): Promise<ChunkPort> {
    const { host, port } = options
    const deps: GetDeps & PostDeps & Pick<ChunkPortOptions, 'secret' | 'log'> = {
      ...options,
      downloads: new Gate(MAX_DOWNLOADS),
      posts: new Gate(MAX_POSTS),
      strangers: new Gate(MAX_STRANGERS),
    }
    const server = createServer({ maxHeaderSize: 16 * 1024, headersTimeout: HEADERS_TIMEOUT_MS })
    // How long a body may take is watched where it is read.
    server.requestTimeout = 0
    server.keepAliveTimeout = KEEP_ALIVE_MS
    server.maxConnections = MAX_CONNECTIONS
    server.on('request', (request, response) => void answer(deps, request, response))
    try {
      server.listen(port, host)
      await once(server, 'listening')
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException
      const reason = code === 'EADDRINUSE' ? 'the port is in use; 0 takes a free one' : message
      throw new StartError(`CHUNK_HOST=${host} CHUNK_PORT=${port} cannot be listened on (${code}): ${reason}.`, {
        cause: error,
      })
    }
    return new ChunkPort(server, options.url ?? urlOf(host, (server.address() as AddressInfo).port))
  }

  /** Takes no more requests, and ends those under way that go on for too long. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    await Promise.race([closed, delay(DRAIN_MS, undefined, { ref: false })])
    this.#server.closeAllConnections()
    await closed
  }
}

/** An address that stands for all of the machine's says nothing to others, and its name may. */
function urlOf(host: string, port: number): string {
  const name = host === '0.0.0.0' || host === '::' ? hostname() : host
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`
}

const givenId = /^[\w.-]{1,64}$/

async function answer(
  deps: GetDeps & PostDeps & Pick<ChunkPortOptions, 'secret' | 'log'>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const given = request.headers['x-request-id']
  const requestId = typeof given === 'string' && givenId.test(given) ? given : randomBytes(8).toString('hex')
  response.setHeader('X-Request-Id', requestId)
  // A client that goes away is noticed where its answer is written.
  response.on('error', () => undefined)
  let otherwise: string | null = null
  try {
    const { target } = withoutTicket(request.url ?? '')
    const isPost = /^\/chunk(\?|$)/.test(target)
    const asked = parseChunkTarget(target)
    if (!isPost && asked === null)
      throw new StoreError('ROUTE_NOT_FOUND', 'there is POST /chunk and GET /chunk/{sha-256}')
    const methods = isPost ? ['POST'] : ['GET', 'HEAD']
    if (!methods.includes(request.method ?? ''))
      throw new StoreError('METHOD_NOT_ALLOWED', `this path answers ${methods.join(', ')}`)
    const ticket = new TicketedRequest(request, deps.secret, deps.store.serverId)
    if (asked === null) return await postChunk(deps, request, response, ticket)
    ticket.require()
    otherwise = asked.direct?.otherwise ?? null
    await getChunk(deps, request, response, asked)
  } catch (error) {
    answerError(request, response, error, { requestId, log: deps.log, otherwise })
  }
}
