import { StoreError } from '@holdfast/shared/errors/store-error'
import { type FileName, parseFileName } from '@holdfast/shared/file-name'
import { fileNameIn, type Parameters } from '../parameters.ts'
import { type BodyEvent, type BodyScanner, MAX_BESIDE_FILE_BYTES } from './body-scanner.ts'
import {
  base64Field,
  binaryField,
  boundaryOf,
  fieldParameters,
  hasOwnName,
  ignoredField,
  nameField,
  refuseTransferEncoding,
} from './multipart-fields.ts'
import { brokenMultipart, type FieldHeaders, type FieldSink, MultipartParser } from './multipart-parser.ts'

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
    this.#maxFileBytes = maxFileBytes
    this.#parser = new MultipartParser(boundaryOf(contentType), (headers) => this.#startField(headers))
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
    const parameters = fieldParameters(headers)
    const field = parameters?.get('name')
    if (parameters === null || (field !== 'file' && field !== 'filename')) return ignoredField
    if (this.#seenFields.has(field)) throw new StoreError('INVALID_REQUEST', `${field} is given twice`)
    this.#seenFields.add(field)
    refuseTransferEncoding(headers)
    const emit = (event: BodyEvent) => this.#emit(event)
    if (field === 'filename') return nameField((name) => emit({ kind: 'name', name }))
    if (!hasOwnName(parameters)) return base64Field(this.#maxFileBytes, emit)
    if (!this.#seenFields.has('filename')) this.#takeOwnName(parameters)
    return binaryField(this.#maxFileBytes, emit)
  }

  /** Tells the name before the file, so that a taken name can be refused before its bytes come. */
  #takeOwnName(parameters: Parameters): void {
    try {
      this.#ownName = parseFileName(fileNameIn(parameters))
      this.#emit({ kind: 'name', name: this.#ownName })
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.#ownName = error
    }
  }

  #emit(event: BodyEvent): void {
    if (event.kind === 'bytes') this.#fileBytes += event.bytes.length
    this.#events.push(event)
  }
}
