import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { encodeBencode } from '@holdfast/shared/node/torrent/bencode'

export interface MadeFile {
  readonly path: readonly string[]
  readonly bytes: Buffer
  readonly attr?: string
}

const PIECE = 64 * 1024

/** @returns a `.torrent` of several files. @param rest stands beside its info */
export function makeFolderTorrent(name: string, files: readonly MadeFile[], rest: object): Buffer {
  const all = Buffer.concat(files.map(({ bytes }) => bytes))
  return encodeBencode({
    ...rest,
    info: {
      files: files.map(({ path, bytes, attr }) => ({ length: bytes.length, path, ...(attr && { attr }) })),
      name,
      'piece length': PIECE,
      pieces: Buffer.concat(piecesOf(all)),
    },
  })
}

function piecesOf(bytes: Buffer): Buffer[] {
  const count = Math.ceil(bytes.length / PIECE)
  return Array.from({ length: count }, (_, index) =>
    createHash('sha1')
      .update(bytes.subarray(index * PIECE, (index + 1) * PIECE))
      .digest(),
  )
}

/** A web seed (BEP 19). It counts what it has sent, and sends no more than a test lets it. */
export class TestWebSeed implements AsyncDisposable {
  readonly #server: Server
  readonly #files = new Map<string, Buffer>()
  sentBytes = 0
  /** Requests beyond so many bytes are not answered. */
  mostBytes = Number.POSITIVE_INFINITY
  /** What else was asked for. */
  readonly missed: string[] = []

  private constructor() {
    this.#server = createServer((request, response) => {
      const path = decodeURIComponent(request.url ?? '')
      const bytes = this.#files.get(path)
      const [, from = '0', to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
      if (bytes === undefined) {
        this.missed.push(path)
        response.writeHead(404).end()
        return
      }
      const part = bytes.subarray(Number(from), to === undefined ? bytes.length : Number(to) + 1)
      if (this.sentBytes + part.length > this.mostBytes) return
      this.sentBytes += part.length
      response.writeHead(to === undefined ? 200 : 206).end(part)
    })
  }

  static async start(): Promise<TestWebSeed> {
    const seed = new TestWebSeed()
    seed.#server.listen(0, '127.0.0.1')
    await once(seed.#server, 'listening')
    return seed
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  /** @param name of the torrent. Padding is served by nobody */
  serve(name: string, files: readonly MadeFile[]): void {
    for (const { path, bytes, attr } of files) if (attr !== 'p') this.#files.set(`/${[name, ...path].join('/')}`, bytes)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}
