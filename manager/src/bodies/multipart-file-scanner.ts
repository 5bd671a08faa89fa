import { Busboy, type BusboyFileStream } from '@fastify/busboy'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { parseFileName } from '@holdfast/shared/file-name'
import { MAX_FILE_NAME_BYTES } from '@holdfast/shared/limits'
import { Base64Meter } from './base64-meter.ts'
import { type BodyEvent, type BodyScanner, MAX_BESIDE_FILE_BYTES } from './body-scanner.ts'
import { BoundedBytes } from './bounded-bytes.ts'

const MAX_PARTS = 100
const MAX_HEADER_BYTES = 8 * 1024
const MAX_HEADERS = 20

/** The parser does no I/O; where it does not answer, it hangs on the body's form. */
const PARSER_TIMEOUT_MS = 10_000

/** The parser hands out what it was given some ticks later. */
const PARSER_LAG_BYTES = 256 * 1024

const PLAIN_ENCODINGS = new Set(['7bit', '8bit', 'binary'])

interface FileSink {
  add(bytes: Buffer): void
  end(): void
}

/**
 * Scans multipart/form-data (RFC 7578). The part `file` is base64 text, or the file itself where the part has a
 * filename; the field `filename` names it, else the part's own filename does.
 */
export class MultipartFileScanner implements BodyScanner {
  readonly #parser: ReturnType<typeof makeParser>
  readonly #maxFileBytes: number
  readonly #seenFields = new Set<string>()
  #events: BodyEvent[] = []
  #failure: StoreError | null = null
  #partFileName: string | null = null
  #bodyBytes = 0
  #fileBytes = 0
  #isFinished = false
  #isNameOpen = false
  #settle: () => void = () => {}

  /** @throws INVALID_REQUEST where the content type names no boundary. */
  constructor(contentType: string, maxFileBytes: number) {
    this.#maxFileBytes = maxFileBytes
    this.#parser = makeParser(contentType)
    this.#parser.on('error', (error) => this.#fail(broken(error)))
    this.#parser.on('partsLimit', () => this.#fail(tooMany()))
    this.#parser.on('filesLimit', () => this.#fail(tooMany()))
    this.#parser.on('finish', () => {
      this.#isFinished = true
      this.#settle()
    })
    this.#parser.on('file', (field, stream, fileName, transferEncoding) => {
      this.#takePart(stream, () => this.#startPart(field, fileName, transferEncoding))
    })
  }

  async push(chunk: Buffer): Promise<readonly BodyEvent[]> {
    this.#bodyBytes += chunk.length
    await this.#whenSettled(() => this.#parser.write(chunk, () => this.#settle()))
    if (this.#bodyBytes - this.#fileBytes > MAX_BESIDE_FILE_BYTES + PARSER_LAG_BYTES) {
      throw new StoreError('INVALID_REQUEST', 'the body holds too much beside the file')
    }
    return this.#takeEvents()
  }

  async end(): Promise<readonly BodyEvent[]> {
    await this.#whenSettled(() => {
      if (this.#isFinished) this.#settle()
      else this.#parser.end()
    })
    if (!this.#seenFields.has('file')) throw new StoreError('INVALID_REQUEST', 'file is missing')
    if (!this.#seenFields.has('filename')) {
      if (this.#partFileName === null) throw new StoreError('INVALID_REQUEST', 'filename is missing')
      this.#events.push({ kind: 'name', name: parsePartFileName(this.#partFileName) })
    }
    return this.#takeEvents()
  }

  close(): void {
    this.#parser.destroy()
  }

  #takePart(stream: BusboyFileStream, start: () => FileSink): void {
    let sink: FileSink = { add: () => {}, end: () => {} }
    const guarded = (step: () => void): void => {
      if (this.#failure !== null) return
      try {
        step()
      } catch (error) {
        this.#fail(error instanceof StoreError ? error : broken(error))
      }
    }
    guarded(() => {
      sink = start()
    })
    stream.on('error', (error) => this.#fail(broken(error)))
    stream.on('data', (bytes: Buffer) => guarded(() => sink.add(bytes)))
    stream.on('end', () => guarded(() => sink.end()))
  }

  #startPart(field: string | undefined, fileName: string | undefined, transferEncoding: string): FileSink {
    if (field !== 'file' && field !== 'filename') return { add: () => {}, end: () => {} }
    if (this.#seenFields.has(field)) throw new StoreError('INVALID_REQUEST', `${field} is given twice`)
    this.#seenFields.add(field)
    if (!PLAIN_ENCODINGS.has(transferEncoding)) {
      throw new StoreError('UNSUPPORTED_MEDIA', 'a part must not have a Content-Transfer-Encoding')
    }
    if (field === 'filename') return this.#takeName()
    return fileName === undefined ? this.#takeBase64() : this.#takeBinary(fileName)
  }

  #takeName(): FileSink {
    const text = new BoundedBytes(MAX_FILE_NAME_BYTES, 'filename')
    this.#isNameOpen = true
    return {
      add: (bytes) => text.append(bytes),
      end: () => {
        this.#isNameOpen = false
        this.#events.unshift({ kind: 'name', name: parseFileName(text.text()) })
      },
    }
  }

  #takeBase64(): FileSink {
    const meter = new Base64Meter(this.#maxFileBytes)
    this.#events.push({ kind: 'file', encoding: 'base64' })
    return {
      add: (bytes) => {
        meter.add(bytes)
        this.#addBytes(bytes)
      },
      end: () => {
        meter.end()
        this.#events.push({ kind: 'file-end' })
      },
    }
  }

  #takeBinary(fileName: string): FileSink {
    this.#partFileName = fileName
    this.#events.push({ kind: 'file', encoding: 'binary' })
    return {
      add: (bytes) => {
        this.#addBytes(bytes)
        if (this.#fileBytes > this.#maxFileBytes) throw new StoreError('TOO_LARGE')
      },
      end: () => this.#events.push({ kind: 'file-end' }),
    }
  }

  #addBytes(bytes: Buffer): void {
    this.#fileBytes += bytes.length
    this.#events.push({ kind: 'bytes', bytes })
  }

  /** The parser ends a part's stream only after it began the next one's; a name that came first is to be told first. */
  #takeEvents(): readonly BodyEvent[] {
    if (this.#isNameOpen) return []
    const events = this.#events
    this.#events = []
    return events
  }

  #fail(error: StoreError): void {
    this.#failure ??= error
    this.#settle()
  }

  /** Waits until `start` is answered, or anything failed. */
  async #whenSettled(start: () => void): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#fail(broken(undefined)), PARSER_TIMEOUT_MS)
      this.#settle = () => {
        clearTimeout(timer)
        this.#settle = () => {}
        resolve()
      }
      start()
    })
    if (this.#failure !== null) throw this.#failure
  }
}

function makeParser(contentType: string) {
  try {
    return new Busboy({
      headers: { 'content-type': contentType },
      // Every part as a stream: none is held in memory, and names are decoded by our own strict decoder.
      isPartAFile: () => true,
      preservePath: true,
      limits: {
        parts: MAX_PARTS,
        files: MAX_PARTS,
        fileSize: Infinity,
        headerPairs: MAX_HEADERS,
        headerSize: MAX_HEADER_BYTES,
      },
    })
  } catch (error) {
    throw new StoreError('INVALID_REQUEST', 'the content type names no boundary', { cause: error })
  }
}

/** The parser replaces what is not UTF-8 in a header, which would let two names become one. */
function parsePartFileName(text: string): ReturnType<typeof parseFileName> {
  if (text.includes('\ufffd')) throw new StoreError('INVALID_REQUEST', 'filename must be UTF-8')
  return parseFileName(text)
}

function broken(cause: unknown): StoreError {
  return new StoreError('INVALID_REQUEST', 'the multipart body is broken or ends too early', { cause })
}

function tooMany(): StoreError {
  return new StoreError('INVALID_REQUEST', 'the multipart body has too many parts')
}
