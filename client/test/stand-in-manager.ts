import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ErrorName, errorRow } from '@holdfast/shared/errors/error-table'

type Answer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/**
 * A small HTTP server that answers as a manager does (compatibility.md, section A), and wrongly where a test says so.
 */
export class StandInManager implements AsyncDisposable {
  readonly files = new Map<string, Buffer>()
  /** Files by their link. */
  readonly shares = new Map<string, { readonly name: string; readonly bytes: Buffer }>()
  /** It answers `GET /upkeep` with this; as an older manager it has no such route. */
  upkeep: unknown = undefined
  /** It answers `GET /tracker/stats` with this to whoever brings the ticket of `ticketOf`, if there is one. */
  tracker: unknown = undefined
  /** Only who brings this ticket may list shares. */
  ticketOf: ((url: string) => string) | null = null
  /** It is told of every request for a list. */
  onList: (url: string, authorization: string | undefined) => void = () => undefined
  /** A list has so many files a page, whatever is asked for. */
  pageSize = 2
  /** A proxy in front of it would take this off every path; other paths get a 404. */
  prefix = ''
  /** It lists the method and path of every request, in order. */
  readonly requests: string[] = []
  /** The next requests get these answers; later ones are answered properly again. */
  readonly nextAnswers: Answer[] = []
  readonly #server = createServer((request, response) => {
    // A client that has gone away gets no answer.
    this.#answer(request, response).catch(() => response.destroy())
  })

  static async start(): Promise<StandInManager> {
    const manager = new StandInManager()
    manager.#server.listen(0, '127.0.0.1')
    await once(manager.#server, 'listening')
    return manager
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: target = '' } = request
    this.requests.push(`${method} ${target}`)
    if (!target.startsWith(this.prefix)) return sendError(response, 'ROUTE_NOT_FOUND')
    const url = target.slice(this.prefix.length)
    const special = this.nextAnswers.shift()
    if (special !== undefined) return special(request, response)
    if (method === 'POST' && /^\/file(\?|$)/.test(url)) return this.#upload(request, response)
    if (url === '/active-nodes') return sendJson(response, 200, activeNodes)
    if (url === '/upkeep' && this.upkeep !== undefined) return sendJson(response, 200, this.upkeep)
    if (url === '/upkeep') return sendError(response, 'ROUTE_NOT_FOUND')
    if (url === '/tracker/stats') {
      const wanted = this.ticketOf?.(url)
      if (wanted !== undefined && request.headers.authorization !== `Bearer ${wanted}`)
        return sendError(response, 'UNAUTHORIZED')
      return this.tracker === undefined ? sendError(response, 'ROUTE_NOT_FOUND') : sendJson(response, 200, this.tracker)
    }
    if (method === 'PUT') return this.#replace(request, response, url)
    if (url.startsWith('/upload')) return this.share(request, response, url)
    if (/^\/files(\?|$)/.test(url)) return this.#list(request, response, url)
    if (url.startsWith('/files/')) return this.#file(request, response, url.slice('/files/'.length))
    if (url.startsWith('/torrent/')) {
      const share = this.shares.get(url.slice('/torrent/'.length).replace('?magnet', ''))
      if (share === undefined) return sendError(response, 'FILE_NOT_FOUND')
      return sendBytes(response, Buffer.from(`magnet:?xt=urn:btih:${sha256Of(share.bytes).slice(0, 40)}\n`))
    }
    if (url.startsWith('/download/')) {
      const share = this.shares.get(url.slice('/download/'.length))
      return share === undefined ? sendError(response, 'FILE_NOT_FOUND') : sendBytes(response, share.bytes)
    }
    const name = decodeURIComponent(url.replace(/^\/file\//, ''))
    const bytes = this.files.get(name)
    if (bytes === undefined) return sendError(response, 'FILE_NOT_FOUND')
    if (method === 'GET') return sendBytes(response, bytes)
    this.files.delete(name)
    sendJson(response, 200, { filename: name, id: idOf(name) })
  }

  async #replace(request: IncomingMessage, response: ServerResponse, url: string): Promise<void> {
    const bytes = await readAll(request)
    const name = decodeURIComponent(url.replace(/^\/file\/|\?.*$/g, ''))
    const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch, 'content-digest': digest } = request.headers
    const current = this.files.get(name)
    if (ifNoneMatch === '*' && current !== undefined) return sendError(response, 'PRECONDITION_FAILED')
    if (ifMatch !== undefined && ifMatch !== (current && etagOf(current)))
      return sendError(response, 'PRECONDITION_FAILED')
    const expected = `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`
    if (digest !== undefined && digest !== expected) return sendError(response, 'DIGEST_MISMATCH')
    this.files.set(name, bytes)
    sendJson(response, 201, { filename: name, id: idOf(name), sizeBytes: bytes.length, sha256: sha256Of(bytes) })
  }

  async share(request: IncomingMessage, response: ServerResponse, url: string): Promise<void> {
    const bytes = await readAll(request)
    const query = new URL(url, this.url).searchParams
    const name = query.get('name') ?? 'made.bin'
    const link = query.get('link') ?? sha256Of(Buffer.from(`${name} ${this.shares.size}`)).slice(0, 32)
    if (this.shares.has(link)) return sendError(response, 'FILE_EXISTS')
    this.shares.set(link, { name, bytes })
    sendJson(response, 201, describe(link, name, bytes, `/download/${link}`))
  }

  #list(request: IncomingMessage, response: ServerResponse, url: string): void {
    const query = new URL(url, this.url).searchParams
    this.onList(url, request.headers.authorization)
    const areShares = query.get('shares') === 'true'
    const { ticketOf } = this
    const isRefused = areShares && ticketOf !== null && request.headers.authorization !== `Bearer ${ticketOf(url)}`
    const all = areShares
      ? [...this.shares].map(([link, { name, bytes }]) => describe(link, name, bytes, `/download/${link}`))
      : [...this.files].map(([name, bytes]) => describe(idOf(name), name, bytes, `/file/${name}`))
    const found = all.filter(({ name }) => name.startsWith(query.get('prefix') ?? ''))
    const start = Number(query.get('cursor') ?? 0)
    const end = start + this.pageSize
    if (isRefused) sendError(response, 'UNAUTHORIZED')
    else sendJson(response, 200, { files: found.slice(start, end), next: end < found.length ? String(end) : null })
  }

  async #file(request: IncomingMessage, response: ServerResponse, id: string): Promise<void> {
    const change = JSON.parse((await readAll(request)).toString() || '{}') as { name?: string }
    const share = this.shares.get(id)
    const [path, bytes] = [...this.files].find(([name]) => idOf(name) === id) ?? []
    if (share === undefined && (path === undefined || bytes === undefined)) return sendError(response, 'FILE_NOT_FOUND')
    const name = change.name ?? share?.name ?? path ?? ''
    const file = describe(
      id,
      name,
      share?.bytes ?? bytes ?? Buffer.alloc(0),
      share ? `/download/${id}` : `/file/${name}`,
    )
    if (request.method === 'DELETE' && !this.shares.delete(id)) this.files.delete(name)
    const chunk = { id: file.sha256, order: 0, size: file.size, locations: ['0123456789abcdef'] }
    sendJson(response, 200, request.method === 'GET' ? { ...file, chunks: [chunk] } : file)
  }

  async #upload(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse((await readAll(request)).toString()) as { filename: string; file: string }
    if (this.files.has(body.filename)) return sendError(response, 'FILE_EXISTS')
    const bytes = Buffer.from(body.file, 'base64')
    if (bytes.toString('base64') !== body.file) return sendError(response, 'INVALID_REQUEST')
    this.files.set(body.filename, bytes)
    const sha256 = sha256Of(bytes)
    sendJson(response, 201, { filename: body.filename, id: idOf(body.filename), sizeBytes: bytes.length, sha256 })
  }
}

export const activeNodes = [
  {
    id: '0123456789abcdef',
    name: '2',
    zone: 'rack-7',
    state: 'active',
    lastPingAt: '2026-01-02T03:04:05.000Z',
    files: 7,
    bytes: 4096,
    freeBytes: 3 * 1024 ** 3,
    totalBytes: 10 * 1024 ** 3,
    chunkUrl: 'http://127.0.0.1:4100',
  },
]

export const upkeep = {
  manager: 'fedcba9876543210',
  since: '2026-01-02T03:04:05.000Z',
  loops: [
    {
      ...{ name: 'replicate', state: 'working', done: 12, remaining: 34, bytesPerSecond: 50 * 1024 ** 2 },
      ...{ secondsLeft: 600, lastRunAt: '2026-01-02T03:04:05.000Z' },
    },
    {
      ...{ name: 'rebalance', state: 'stuck', detail: 'no room', done: 0, remaining: null, bytesPerSecond: null },
      ...{ secondsLeft: null, lastRunAt: null, lastError: 'File unavailable' },
    },
  ],
  chunks: { total: 1234, byReplicas: { '0': 4, '1': 30, '2': 1200 }, countedAt: '2026-01-02T03:04:05.000Z' },
  fileServers: {
    ...{ known: 3, active: 2 },
    lost: [{ id: 'aaaaaaaaaaaaaaaa', name: '3', zone: 'rack-8', lostAt: '2026-01-02T03:04:05.000Z' }],
  },
  halted: [{ fileServer: '0123456789abcdef', name: '2', why: 'missing', count: 40, copies: 100 }],
}

export const trackerStats = {
  ...{ peers: 5, hashes: 1, tracks: 400, users: { active: 3, inactive: 2 } },
  managers: [
    { manager: 'fedcba9876543210', announces: { udp: 1000, http: 200 } },
    { manager: 'fedcba9876543211', announces: { udp: 0, http: 34 } },
  ],
}

export function sendError(response: ServerResponse, name: ErrorName, headers: Record<string, string> = {}): void {
  const { code, status, message } = errorRow(name)
  sendJson(response, status, { code, error: name, message, requestId: 'r1' }, headers)
}

export function sendBytes(response: ServerResponse, bytes: Buffer, sha256 = sha256Of(bytes)): void {
  response.writeHead(200, { 'content-length': bytes.length, 'content-type': 'text/plain', etag: `"${sha256}"` })
  response.end(bytes)
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export async function readAll(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function sendJson(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

function etagOf(bytes: Uint8Array): string {
  return `"${sha256Of(bytes)}"`
}

function describe(id: string, name: string, bytes: Buffer, url: string) {
  const sha256 = sha256Of(bytes)
  return {
    ...{ id, name, size: bytes.length, etag: etagOf(bytes), sha256, url },
    ...{ contentType: 'text/plain', class: 'replicated', uploadedAt: '2026-01-02T03:04:05.678Z', expiresAt: null },
  }
}

export function idOf(name: string): string {
  return sha256Of(Buffer.from(name)).slice(0, 24)
}
