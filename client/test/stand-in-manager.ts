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
    if (method === 'POST' && url === '/file') return this.#upload(request, response)
    if (url === '/active-nodes') return sendJson(response, 200, activeNodes)
    const name = decodeURIComponent(url.replace(/^\/file\//, ''))
    const bytes = this.files.get(name)
    if (bytes === undefined) return sendError(response, 'FILE_NOT_FOUND')
    if (method === 'GET') return sendBytes(response, bytes)
    this.files.delete(name)
    sendJson(response, 200, { filename: name, id: idOf(name) })
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
    state: 'active',
    lastPingAt: '2026-01-02T03:04:05.000Z',
    files: 7,
    bytes: 4096,
    freeBytes: 3 * 1024 ** 3,
    totalBytes: 10 * 1024 ** 3,
  },
]

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

function idOf(name: string): string {
  return sha256Of(Buffer.from(name)).slice(0, 24)
}
