import { StoreError } from '@holdfast/shared/errors/store-error'
import { type FileName, parseFileName } from '@holdfast/shared/file-name'
import { MAX_FILE_NAME_BYTES } from '@holdfast/shared/limits'
import { Base64Meter } from './base64-meter.ts'
import { type BodyEvent, type BodyScanner, MAX_BESIDE_FILE_BYTES } from './body-scanner.ts'
import { BoundedBytes } from './bounded-bytes.ts'
import { brokenMultipart, type FieldHeaders, type FieldSink, MultipartParser } from './multipart-parser.ts'
import { fileNameIn, type Parameters, parseParameters } from './parameters.ts'

const PLAIN_ENCODINGS = new Set(['7bit', '8bit', 'binary'])

const ignored: FieldSink = { add: () => undefined, end: () => undefined }

/**
 * Scans multipart/form-data (RFC 7578). The field `file` is base64 text, or the file itself where it has a filename of its
 * own. The field `filename` names the file, before or after it; without it the file's own filename does.
 */
export class MultipartFileScanner implements BodyScanner {
  readonly #parser: MultipartParser
  readonly #maxFileBytes: number
  readonly #seenFields = new Set<string>()
  #events: BodyEvent[] = []
  /** Keeps the name by the file's own filename, or what is wrong with it, which counts only where no field names the file. */
  #ownName: FileName | StoreError | null = null
  #bodyBytes = 0
  #fileBytes = 0

  /** @throws INVALID_REQUEST where the content type names no boundary */
  constructor(contentType: string, maxFileBytes: number) {
    const boundary = parseParameters(contentType)?.get('boundary') ?? ''
    if (boundary === '') throw new StoreError('INVALID_REQUEST', 'the content type names no boundary')
    this.#maxFileBytes = maxFileBytes
    this.#parser = new MultipartParser(boundary, (headers) => this.#startField(headers))
  }

  push(chunk: Buffer): readonly BodyEvent[] {
    this.#bodyBytes += chunk.length
    this.#parser.push(chunk)
    if (this.#bodyBytes - this.#fileBytes > MAX_BESIDE_FILE_BYTES) {
      throw new StoreError('INVALID_REQUEST', 'the body holds too much beside the file')
    }
    const events = this.#events
    this.#events = []
    return events
  }

  end(): readonly BodyEvent[] {
    if (!this.#parser.isComplete) throw brokenMultipart()
    if (!this.#seenFields.has('file')) throw new StoreError('INVALID_REQUEST', 'file is missing')
    if (!this.#seenFields.has('filename')) {
      if (this.#ownName === null) throw new StoreError('INVALID_REQUEST', 'filename is missing')
      if (this.#ownName instanceof StoreError) throw this.#ownName
    }
    return []
  }

  #startField(headers: FieldHeaders): FieldSink {
    const disposition = headers.get('content-disposition') ?? ''
    if (!/^form-data[\t ]*(;|$)/i.test(disposition)) return ignored
    const parameters = parseParameters(disposition)
    if (parameters === null) {
      throw new StoreError('INVALID_REQUEST', 'the Content-Disposition of a part cannot be read')
    }
    const field = parameters.get('name')
    if (field !== 'file' && field !== 'filename') return ignored
    if (this.#seenFields.has(field)) throw new StoreError('INVALID_REQUEST', `${field} is given twice`)
    this.#seenFields.add(field)
    if (!PLAIN_ENCODINGS.has(headers.get('content-transfer-encoding')?.toLowerCase() ?? '7bit')) {
      throw new StoreError('UNSUPPORTED_MEDIA', 'a part must not have a Content-Transfer-Encoding')
    }
    if (field === 'filename') return this.#takeName()
    const isRaw = parameters.has('filename') || parameters.has('filename*')
    return isRaw ? this.#takeBinary(parameters) : this.#takeBase64()
  }

  #takeName(): FieldSink {
    const text = new BoundedBytes(MAX_FILE_NAME_BYTES, 'filename')
    return {
      add: (bytes) => text.append(bytes),
      end: () => this.#events.push({ kind: 'name', name: parseFileName(text.text()) }),
    }
  }

  #takeBase64(): FieldSink {
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

  #takeBinary(parameters: Parameters): FieldSink {
    if (!this.#seenFields.has('filename')) this.#takeOwnName(parameters)
    this.#events.push({ kind: 'file', encoding: 'binary' })
    return {
      add: (bytes) => {
        this.#addBytes(bytes)
        if (this.#fileBytes > this.#maxFileBytes) throw new StoreError('TOO_LARGE')
      },
      end: () => this.#events.push({ kind: 'file-end' }),
    }
  }

  /** Tells the name before the file, so that a taken name can be refused before its bytes come. */
  #takeOwnName(parameters: Parameters): void {
    try {
      this.#ownName = parseFileName(fileNameIn(parameters))
      this.#events.push({ kind: 'name', name: this.#ownName })
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.#ownName = error
    }
  }

  #addBytes(bytes: Buffer): void {
    this.#fileBytes += bytes.length
    this.#events.push({ kind: 'bytes', bytes })
  }
}
