import { StoreError } from '@holdfast/shared/errors/store-error'

/** A form may have so many fields beside its files. */
export const MAX_FIELDS = 100
/** The headers of one field have at most so many bytes. */
export const MAX_HEADER_BYTES = 8 * 1024
const MAX_HEADERS = 20

const CRLF = '\r\n'
const CR = 0x0d
const EMPTY = Buffer.alloc(0)

/** Takes the content of one field. */
export interface FieldSink {
  add(bytes: Buffer): void
  end(): void
}

/** Headers of a field stand by their names in small letters, one character a byte. */
export type FieldHeaders = ReadonlyMap<string, string>

/**
 * Cuts a multipart body (RFC 2046, section 5.1) into its fields. It takes bytes cut anywhere, and gives those of each field
 * to the sink that was made for it.
 */
export class MultipartParser {
  readonly #delimiter: Buffer
  readonly #startField: (headers: FieldHeaders) => FieldSink
  readonly #maxFields: number
  #state: 'preamble' | 'delimiter' | 'headers' | 'content' | 'epilogue' = 'preamble'
  #sink: FieldSink | null = null
  #fieldCount = 0
  /**
   * Keeps what cannot be understood before more has come. It begins with a line's end, for the first delimiter has no line
   * before it.
   */
  #rest: Buffer = Buffer.from(CRLF)

  constructor(boundary: string, startField: (headers: FieldHeaders) => FieldSink, maxFields = MAX_FIELDS) {
    this.#delimiter = Buffer.from(`${CRLF}--${boundary}`, 'latin1')
    this.#startField = startField
    this.#maxFields = maxFields
  }

  /** Tells whether the last delimiter has come. */
  get isComplete(): boolean {
    return this.#state === 'epilogue'
  }

  /** @throws INVALID_REQUEST, and what the sinks throw */
  push(chunk: Buffer): void {
    let data: Buffer | null = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    this.#rest = EMPTY
    while (data !== null) data = this.#step(data)
  }

  /** @returns what is left for the next step, or null where that needs more than there is */
  #step(data: Buffer): Buffer | null {
    switch (this.#state) {
      case 'preamble':
      case 'content':
        return this.#takeContent(data)
      case 'delimiter':
        return this.#takeDelimiterEnd(data)
      case 'headers':
        return this.#takeHeaders(data)
      case 'epilogue':
        return null
      default:
        return this.#state satisfies never
    }
  }

  #takeContent(data: Buffer): Buffer | null {
    const at = data.indexOf(this.#delimiter)
    const end = at < 0 ? data.length - this.#begunDelimiter(data) : at
    if (end > 0) this.#sink?.add(data.subarray(0, end))
    if (at < 0) return this.#keep(data.subarray(end))
    this.#sink?.end()
    this.#sink = null
    this.#state = 'delimiter'
    return data.subarray(at + this.#delimiter.length)
  }

  /** @returns how many bytes at the end may be the beginning of a delimiter */
  #begunDelimiter(data: Buffer): number {
    const first = Math.max(0, data.length - this.#delimiter.length + 1)
    for (let at = data.indexOf(CR, first); at >= 0; at = data.indexOf(CR, at + 1)) {
      const length = data.length - at
      if (data.compare(this.#delimiter, 0, length, at) === 0) return length
    }
    return 0
  }

  /** Two hyphens after the boundary end the body. Otherwise the line ends, maybe with padding before its end. */
  #takeDelimiterEnd(data: Buffer): Buffer | null {
    const start = data.findIndex((byte) => byte !== 0x20 && byte !== 0x09)
    if (start < 0) return null
    const next = data.toString('latin1', start, start + 2)
    if (next.length < 2) return this.#keep(data.subarray(start))
    if (next === '--') {
      this.#state = 'epilogue'
      return null
    }
    if (next !== CRLF) throw brokenMultipart()
    if (++this.#fieldCount > this.#maxFields)
      throw new StoreError('INVALID_REQUEST', 'the multipart body has too many parts')
    this.#state = 'headers'
    // The end of this line is kept: where there are no headers, it is half of the empty line that ends them.
    return data.subarray(start)
  }

  #takeHeaders(data: Buffer): Buffer | null {
    const end = data.indexOf(CRLF + CRLF)
    if ((end < 0 ? data.length : end) > MAX_HEADER_BYTES) {
      throw new StoreError('INVALID_REQUEST', `the headers of a part must have at most ${MAX_HEADER_BYTES} bytes`)
    }
    if (end < 0) return this.#keep(data)
    this.#sink = this.#startField(parseHeaders(data.toString('latin1', 0, end)))
    this.#state = 'content'
    return data.subarray(end + 2 * CRLF.length)
  }

  #keep(rest: Buffer): null {
    this.#rest = rest
    return null
  }
}

/** Reads the headers of a field. Where one is given twice, the first counts. @throws INVALID_REQUEST */
function parseHeaders(block: string): FieldHeaders {
  const headers = new Map<string, string>()
  // A line that begins with white space continues the one before.
  const lines = block.replace(/\r\n[\t ]+/g, ' ').split(CRLF)
  // The block begins with the end of the delimiter's line, which is one line too many.
  if (lines.length - 1 > MAX_HEADERS) throw new StoreError('INVALID_REQUEST', 'a part has too many headers')
  for (const line of lines) {
    if (line === '') continue
    const colon = line.indexOf(':')
    if (colon < 1 || /[\r\n\0]/.test(line)) throw brokenMultipart()
    const name = line.slice(0, colon).trim().toLowerCase()
    if (!headers.has(name)) headers.set(name, line.slice(colon + 1).trim())
  }
  return headers
}

export function brokenMultipart(): StoreError {
  return new StoreError('INVALID_REQUEST', 'the multipart body is broken or ends too early')
}
