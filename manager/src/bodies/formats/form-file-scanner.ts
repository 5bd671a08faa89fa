import { StoreError } from '@holdfast/shared/errors/store-error'
import { parseFileName } from '@holdfast/shared/file-name'
import { MAX_FILE_NAME_BYTES } from '@holdfast/shared/limits'
import { Base64Meter, isBase64Byte, notBase64 } from '../base64-meter.ts'
import { BoundedBytes } from '../bounded-bytes.ts'
import { type BodyEvent, type BodyScanner, MAX_BESIDE_FILE_BYTES } from './body-scanner.ts'
import { PercentDecoder } from './percent-decoder.ts'

const MAX_FIELDS = 100
const MAX_KEY_BYTES = 256

const AMPERSAND = 0x26
const EQUALS = 0x3d

/**
 * Scans `filename=…&file=…` (application/x-www-form-urlencoded) in either order. The file's base64 is forwarded as it
 * arrives.
 */
export class FormFileScanner implements BodyScanner {
  readonly #key = new BoundedBytes(MAX_KEY_BYTES, 'a field name')
  readonly #name = new BoundedBytes(MAX_FILE_NAME_BYTES, 'filename')
  readonly #meter: Base64Meter
  readonly #seenKeys = new Set<string>()
  #state: 'key' | 'filename' | 'file' | 'other' = 'key'
  #decoder = keyOrNameDecoder()
  #fieldCount = 0
  #besideFileBytes = 0

  constructor(maxFileBytes: number) {
    this.#meter = new Base64Meter(maxFileBytes)
  }

  push(chunk: Buffer): readonly BodyEvent[] {
    const events: BodyEvent[] = []
    for (let position = 0; position < chunk.length; ) {
      const end = this.#findEnd(chunk, position)
      this.#take(chunk.subarray(position, end), events)
      if (end < chunk.length) this.#endSpan(chunk[end] === EQUALS, events)
      position = end + 1
    }
    return events
  }

  end(): readonly BodyEvent[] {
    const events: BodyEvent[] = []
    this.#endSpan(false, events)
    for (const key of ['file', 'filename']) {
      if (!this.#seenKeys.has(key)) throw new StoreError('INVALID_REQUEST', `${key} is missing`)
    }
    return events
  }

  /** A key ends at `=` or `&`, a value only at `&`. */
  #findEnd(chunk: Buffer, start: number): number {
    const ampersand = chunk.indexOf(AMPERSAND, start)
    const end = ampersand < 0 ? chunk.length : ampersand
    if (this.#state !== 'key') return end
    const equals = chunk.subarray(start, end).indexOf(EQUALS)
    return equals < 0 ? end : start + equals
  }

  #take(raw: Buffer, events: BodyEvent[]): void {
    const bytes = this.#state === 'other' ? raw : this.#decoder.push(raw)
    if (this.#state === 'file') {
      this.#meter.add(bytes)
      if (bytes.length > 0) events.push({ kind: 'bytes', bytes })
      return
    }
    this.#besideFileBytes += raw.length + 1
    if (this.#besideFileBytes > MAX_BESIDE_FILE_BYTES) {
      throw new StoreError(
        'INVALID_REQUEST',
        `the form beside the file must have at most ${MAX_BESIDE_FILE_BYTES} bytes`,
      )
    }
    if (this.#state === 'key') this.#key.append(bytes)
    else if (this.#state === 'filename') this.#name.append(bytes)
  }

  #endSpan(hasValue: boolean, events: BodyEvent[]): void {
    this.#decoder.end()
    switch (this.#state) {
      case 'key':
        this.#startValue(hasValue, events)
        return
      case 'filename':
        events.push({ kind: 'name', name: parseFileName(this.#name.text()) })
        break
      case 'file':
        this.#meter.end()
        events.push({ kind: 'file-end' })
        break
      case 'other':
        break
      default:
        this.#state satisfies never
    }
    this.#startKey()
  }

  #startValue(hasValue: boolean, events: BodyEvent[]): void {
    const key = this.#key.text()
    this.#fieldCount++
    if (this.#fieldCount > MAX_FIELDS) throw new StoreError('INVALID_REQUEST', 'the form has too many fields')
    if (key === 'file' || key === 'filename') {
      if (!hasValue) throw new StoreError('INVALID_REQUEST', `${key} has no value`)
      if (this.#seenKeys.has(key)) throw new StoreError('INVALID_REQUEST', `${key} is given twice`)
      this.#seenKeys.add(key)
      this.#state = key
      this.#decoder = key === 'file' ? fileDecoder() : keyOrNameDecoder()
      if (key === 'file') events.push({ kind: 'file', encoding: 'base64' })
    } else if (hasValue) {
      this.#state = 'other'
    } else {
      this.#startKey()
    }
  }

  #startKey(): void {
    this.#state = 'key'
    this.#key.clear()
    this.#decoder = keyOrNameDecoder()
  }
}

function keyOrNameDecoder(): PercentDecoder {
  return new PercentDecoder({ isPlusSpace: true })
}

/** Base64 has no spaces, so a `+` in it is a plus sign that the client forgot to escape. */
function fileDecoder(): PercentDecoder {
  return new PercentDecoder({
    isPlusSpace: false,
    judge: (byte) => {
      if (!isBase64Byte(byte)) throw notBase64()
    },
  })
}
