import { type BenchFile, BLOCK_BYTES, contentAt, contentOf } from '../contents.ts'
import type { WantedAnswer } from './response-reader.ts'

/**
 * Files are uploaded as JSON with base64 by POST /file, or as they are by PUT /file/:name, which is told the class where the
 * system knows classes.
 */
export type UploadWay = 'json' | 'raw' | 'raw-single' | 'raw-replicated'

const queries: Readonly<Record<Exclude<UploadWay, 'json'>, string>> = {
  raw: '',
  'raw-single': '?class=single',
  'raw-replicated': '?class=replicated',
}
const TAIL = Buffer.from('"}')
const created: WantedAnswer = { status: 201, body: null }
const anything: WantedAnswer = { status: 200, body: null }
const base64 = new Map<string, Buffer>()

export interface Exchange {
  readonly request: Buffer | Iterable<Buffer>
  readonly wanted: WantedAnswer
}

/** Makes the bytes of requests. What several requests share is made once. */
export class Requests {
  readonly #host: string
  readonly #way: UploadWay

  constructor(url: URL, way: UploadWay) {
    this.#host = url.host
    this.#way = way
  }

  upload(file: BenchFile): Exchange {
    return this.#way === 'json' ? this.#uploadJson(file) : this.#uploadRaw(file, queries[this.#way])
  }

  #uploadRaw(file: BenchFile, query: string): Exchange {
    const head = Buffer.from(
      `PUT /file/${file.name}${query} HTTP/1.1\r\nHost: ${this.#host}\r\nContent-Length: ${file.sizeBytes}\r\n\r\n`,
      'latin1',
    )
    const pieces = [head, ...contentOf(file)]
    return { request: file.sizeBytes > BLOCK_BYTES ? pieces : Buffer.concat(pieces), wanted: created }
  }

  #uploadJson(file: BenchFile): Exchange {
    const before = `{"filename":"${file.name}","file":"`
    const length = before.length + Math.ceil(file.sizeBytes / 3) * 4 + TAIL.length
    const head = Buffer.from(
      `POST /file HTTP/1.1\r\nHost: ${this.#host}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${before}`,
      'latin1',
    )
    if (file.sizeBytes > BLOCK_BYTES) return { request: largeBody(head, file), wanted: created }
    return { request: Buffer.concat([head, base64Of(file), TAIL]), wanted: created }
  }

  /** Downloads by GET /file/:name. Every byte that comes is compared. */
  download(file: BenchFile): Exchange {
    const body = { sizeBytes: file.sizeBytes, pieceAt: (offset: number) => contentAt(file, offset) }
    return { request: this.#bodiless('GET', file), wanted: { status: 200, body } }
  }

  remove(file: BenchFile): Exchange {
    return { request: this.#bodiless('DELETE', file), wanted: anything }
  }

  #bodiless(method: string, file: BenchFile): Buffer {
    return Buffer.from(`${method} /file/${file.name} HTTP/1.1\r\nHost: ${this.#host}\r\n\r\n`, 'latin1')
  }
}

function base64Of(file: BenchFile): Buffer {
  const key = `${file.sizeBytes} ${file.seed}`
  const known = base64.get(key)
  if (known !== undefined) return known
  const encoded = Buffer.concat([...base64Pieces(file)])
  base64.set(key, encoded)
  return encoded
}

function* largeBody(head: Buffer, file: BenchFile): Generator<Buffer> {
  yield head
  yield* base64Pieces(file)
  yield TAIL
}

function* base64Pieces(file: BenchFile): Generator<Buffer> {
  let last: { piece: Buffer; encoded: Buffer } | undefined
  for (const piece of contentOf(file)) {
    if (last?.piece.length !== piece.length) last = { piece, encoded: Buffer.from(piece.toString('base64'), 'latin1') }
    yield last.encoded
  }
}
