import { StoreError } from '@holdfast/shared/errors/store-error'
import { type FileName, parseFileName } from '@holdfast/shared/file-name'
import { fileNameIn, type Parameters } from '../parameters.ts'
import { lastSegmentOf } from '../upload-label.ts'
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
  textField,
} from './multipart-fields.ts'
import {
  brokenMultipart,
  type FieldHeaders,
  type FieldSink,
  MAX_FIELDS,
  MAX_HEADER_BYTES,
  MultipartParser,
} from './multipart-parser.ts'

/** One body holds at most so many files. */
export const MAX_FILES = 1_000

const MAX_OPTION_BYTES = 64

/** Each file adds to what a body may hold beside its files. */
const BESIDE_PER_FILE_BYTES = 2 * MAX_HEADER_BYTES

interface ScannedName {
  /** It is null for base64 without a name, and an error where the part's own filename is no name. */
  readonly name: FileName | StoreError | null
  readonly isFromField: boolean
}

/**
 * Scans multipart/form-data (RFC 7578) with any number of files, as events of one file after the other. A part with a
 * filename is a file, whatever its field; only an empty filename without a byte, which browsers send for an input that
 * nobody filled in, is none. A field `file` without a filename is a file's base64. A field `filename` names the file that
 * comes next, or, after the last one, that one.
 */
export class MultipartUploadScanner implements BodyScanner {
  /** Keeps the field `expires` of the form, which comes before its first file. */
  readonly options = new Map<string, string>()
  readonly #parser: MultipartParser
  readonly #maxFileBytes: number
  #events: BodyEvent[] = []
  #nameForNext: FileName | null
  #lastFile: ScannedName | null = null
  #fileCount = 0
  #bodyBytes = 0
  #fileBytes = 0

  /**
   * @param firstName names the first file, as a field `filename` before it would
   * @throws INVALID_REQUEST where the content type names no boundary
   */
  constructor(contentType: string, maxFileBytes: number, firstName: FileName | null) {
    this.#maxFileBytes = maxFileBytes
    this.#nameForNext = firstName
    this.#parser = new MultipartParser(
      boundaryOf(contentType),
      (headers) => this.#startField(headers),
      MAX_FILES + MAX_FIELDS,
    )
  }

  push(chunk: Buffer): readonly BodyEvent[] {
    this.#bodyBytes += chunk.length
    this.#parser.push(chunk)
    if (this.#bodyBytes - this.#fileBytes > MAX_BESIDE_FILE_BYTES + this.#fileCount * BESIDE_PER_FILE_BYTES) {
      throw new StoreError('INVALID_REQUEST', 'the body holds too much beside the files')
    }
    return this.#takeEvents()
  }

  end(): readonly BodyEvent[] {
    if (!this.#parser.isComplete) throw brokenMultipart()
    if (this.#lastFile === null) throw new StoreError('INVALID_REQUEST', 'the form has no file')
    if (this.#nameForNext === null) requireName(this.#lastFile)
    else if (this.#lastFile.isFromField) throw new StoreError('INVALID_REQUEST', 'a filename names no file')
    else this.#emit({ kind: 'name', name: this.#nameForNext })
    return this.#takeEvents()
  }

  #startField(headers: FieldHeaders): FieldSink {
    const parameters = fieldParameters(headers)
    if (parameters === null) return ignoredField
    const field = parameters.get('name')
    if (hasOwnName(parameters)) {
      refuseTransferEncoding(headers)
      return this.#takeBinary(parameters)
    }
    if (field === 'file') {
      refuseTransferEncoding(headers)
      this.#startFile(null)
      return base64Field(this.#maxFileBytes, (event) => this.#emit(event))
    }
    if (field === 'filename') {
      refuseTransferEncoding(headers)
      return nameField((name) => this.#takeName(name))
    }
    return field === 'expires' ? this.#takeOption(field) : ignoredField
  }

  #takeBinary(parameters: Parameters): FieldSink {
    const begin = (): FieldSink => {
      this.#startFile(ownNameIn(parameters))
      return binaryField(this.#maxFileBytes, (event) => this.#emit(event))
    }
    const isUnfilled = parameters.get('filename') === '' && !parameters.has('filename*')
    let file = isUnfilled ? null : begin()
    return {
      add: (bytes) => {
        file ??= begin()
        file.add(bytes)
      },
      end: () => file?.end(),
    }
  }

  #takeName(name: FileName): void {
    if (this.#nameForNext !== null) throw new StoreError('INVALID_REQUEST', 'filename is given twice for one file')
    this.#nameForNext = name
  }

  #takeOption(option: string): FieldSink {
    if (this.#fileCount > 0) throw new StoreError('INVALID_REQUEST', `${option} must come before the first file`)
    if (this.options.has(option)) throw new StoreError('INVALID_REQUEST', `${option} is given twice`)
    return textField(option, MAX_OPTION_BYTES, (text) => this.options.set(option, text))
  }

  #startFile(ownName: FileName | StoreError | null): void {
    if (this.#lastFile !== null) requireName(this.#lastFile)
    if (++this.#fileCount > MAX_FILES)
      throw new StoreError('INVALID_REQUEST', `a body must have at most ${MAX_FILES} files`)
    const name = this.#nameForNext ?? ownName
    this.#lastFile = { name, isFromField: this.#nameForNext !== null }
    this.#nameForNext = null
    if (typeof name === 'string') this.#emit({ kind: 'name', name })
  }

  #emit(event: BodyEvent): void {
    if (event.kind === 'bytes') this.#fileBytes += event.bytes.length
    this.#events.push(event)
  }

  #takeEvents(): readonly BodyEvent[] {
    const events = this.#events
    this.#events = []
    return events
  }
}

function ownNameIn(parameters: Parameters): FileName | StoreError {
  try {
    return parseFileName(lastSegmentOf(fileNameIn(parameters) ?? ''))
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    return error
  }
}

function requireName({ name }: ScannedName): void {
  if (name === null) throw new StoreError('INVALID_REQUEST', 'filename is missing')
  if (name instanceof StoreError) throw name
}
