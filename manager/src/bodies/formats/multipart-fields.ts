import { StoreError } from '@holdfast/shared/errors/store-error'
import { type FileName, parseFileName } from '@holdfast/shared/file-name'
import { MAX_FILE_NAME_BYTES } from '@holdfast/shared/limits'
import { Base64Meter } from '../base64-meter.ts'
import { BoundedBytes } from '../bounded-bytes.ts'
import { type Parameters, parseParameters } from '../parameters.ts'
import type { BodyEvent } from './body-scanner.ts'
import type { FieldHeaders, FieldSink } from './multipart-parser.ts'

const PLAIN_ENCODINGS = new Set(['7bit', '8bit', 'binary'])

type Emit = (event: BodyEvent) => void

/** @throws INVALID_REQUEST where the content type names none */
export function boundaryOf(contentType: string): string {
  const boundary = parseParameters(contentType)?.get('boundary') ?? ''
  if (boundary === '') throw new StoreError('INVALID_REQUEST', 'the content type names no boundary')
  return boundary
}

/** @returns the parameters of a field's Content-Disposition, or null where the part is no field. @throws INVALID_REQUEST */
export function fieldParameters(headers: FieldHeaders): Parameters | null {
  const disposition = headers.get('content-disposition') ?? ''
  if (!/^form-data[\t ]*(;|$)/i.test(disposition)) return null
  const parameters = parseParameters(disposition)
  if (parameters === null) {
    throw new StoreError('INVALID_REQUEST', 'the Content-Disposition of a part cannot be read')
  }
  return parameters
}

export function hasOwnName(parameters: Parameters): boolean {
  return parameters.has('filename') || parameters.has('filename*')
}

/** @throws UNSUPPORTED_MEDIA where the bytes that come are not those that are meant */
export function refuseTransferEncoding(headers: FieldHeaders): void {
  if (!PLAIN_ENCODINGS.has(headers.get('content-transfer-encoding')?.toLowerCase() ?? '7bit')) {
    throw new StoreError('UNSUPPORTED_MEDIA', 'a part must not have a Content-Transfer-Encoding')
  }
}

export const ignoredField: FieldSink = { add: () => undefined, end: () => undefined }

export function textField(what: string, maxBytes: number, take: (text: string) => void): FieldSink {
  const text = new BoundedBytes(maxBytes, what)
  return { add: (bytes) => text.append(bytes), end: () => take(text.text()) }
}

export function nameField(take: (name: FileName) => void): FieldSink {
  return textField('filename', MAX_FILE_NAME_BYTES, (text) => take(parseFileName(text)))
}

/** Begins a file whose content is base64 text. */
export function base64Field(maxFileBytes: number, emit: Emit): FieldSink {
  const meter = new Base64Meter(maxFileBytes)
  emit({ kind: 'file', encoding: 'base64' })
  return {
    add: (bytes) => {
      meter.add(bytes)
      emit({ kind: 'bytes', bytes })
    },
    end: () => {
      meter.end()
      emit({ kind: 'file-end' })
    },
  }
}

/** Begins a file whose content is the file itself. */
export function binaryField(maxFileBytes: number, emit: Emit): FieldSink {
  let fileBytes = 0
  emit({ kind: 'file', encoding: 'binary' })
  return {
    add: (bytes) => {
      fileBytes += bytes.length
      emit({ kind: 'bytes', bytes })
      if (fileBytes > maxFileBytes) throw new StoreError('TOO_LARGE')
    },
    end: () => emit({ kind: 'file-end' }),
  }
}
