import { StoreError } from '@holdfast/shared/errors/store-error'
import { type FileName, parseFileName } from '@holdfast/shared/file-name'
import { BoundedBytes } from '../bounded-bytes.ts'
import { type BodyEvent, type BodyScanner, MAX_BESIDE_FILE_BYTES } from './body-scanner.ts'
import { JsonBase64String } from './json-base64-string.ts'

const MAX_DEPTH = 32

/** RFC 8259 lets a parser ignore the mark, and some editors write one. */
const BYTE_ORDER_MARK = /^\ufeff/

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d])

/** JSON opens an object with `{` and an array with `[`. */
const isOpening = (byte: number): boolean => byte === 0x7b || byte === 0x5b
/** JSON closes an object with `}` and an array with `]`. */
const isClosing = (byte: number): boolean => byte === 0x7d || byte === 0x5d

/**
 * Scans `{ "filename": …, "file": base64, … }` (RFC 8259). The file's text is forwarded as it arrives. The rest is the frame,
 * which is small: it is kept, with an empty string in the file's place, and JSON.parse itself judges it, once when the file
 * begins, so that a bad body costs nothing, and once at the end. The scan has only to find the keys.
 */
export class JsonFileScanner implements BodyScanner {
  readonly #file: JsonBase64String
  readonly #frame = new BoundedBytes(MAX_BESIDE_FILE_BYTES, 'JSON beside the file')
  readonly #seenKeys = new Set<string>()
  #state: 'frame' | 'before file' | 'file' = 'frame'
  #depth = 0
  #isInString = false
  #isEscaped = false
  /** The last string of the frame began and ended here, quotes included. */
  #stringStart = 0
  #stringEnd = 0
  #isNamed = false
  /** Keeps the frame as it was judged last, and the name in it. */
  #judged: { readonly text: string; readonly name: FileName | null } | null = null

  constructor(maxFileBytes: number) {
    this.#file = new JsonBase64String(maxFileBytes)
  }

  push(chunk: Buffer): readonly BodyEvent[] {
    const events: BodyEvent[] = []
    for (let position = 0; position < chunk.length; ) {
      switch (this.#state) {
        case 'frame':
          position = this.#scanFrame(chunk, position)
          break
        case 'before file':
          position = this.#scanBeforeFile(chunk, position, events)
          break
        case 'file':
          position = this.#scanFile(chunk, position, events)
          break
        default:
          this.#state satisfies never
      }
    }
    return events
  }

  end(): readonly BodyEvent[] {
    if (this.#state !== 'frame') throw new StoreError('INVALID_REQUEST', 'the JSON ends too early')
    const name = this.#parseFrame('')
    if (!this.#seenKeys.has('file')) throw new StoreError('INVALID_REQUEST', 'file is missing')
    if (name === null) throw new StoreError('INVALID_REQUEST', 'filename is missing')
    return this.#isNamed ? [] : [{ kind: 'name', name }]
  }

  /** Scans up to the colon after the key `file`, or to the end of the chunk. */
  #scanFrame(chunk: Buffer, start: number): number {
    const offset = this.#frame.length - start
    for (let position = start; position < chunk.length; position++) {
      const byte = chunk[position] ?? 0
      if (this.#isInString) {
        if (this.#isEscaped) this.#isEscaped = false
        else if (byte === BACKSLASH) this.#isEscaped = true
        else if (byte === QUOTE) {
          this.#isInString = false
          this.#stringEnd = offset + position + 1
        }
      } else if (byte === QUOTE) {
        this.#isInString = true
        this.#stringStart = offset + position
      } else if (isOpening(byte)) {
        if (++this.#depth > MAX_DEPTH) throw new StoreError('INVALID_REQUEST', 'the JSON is nested too deeply')
      } else if (isClosing(byte)) {
        this.#depth--
      } else if (byte === COLON && this.#depth === 1) {
        this.#frame.append(chunk.subarray(start, position + 1))
        if (this.#isFileKey()) this.#state = 'before file'
        return position + 1
      }
    }
    this.#frame.append(chunk.subarray(start))
    return chunk.length
  }

  #isFileKey(): boolean {
    const text = this.#frame.view(this.#stringStart, this.#stringEnd).toString('latin1')
    const key = text.includes('\\') ? parseJson(text) : text.slice(1, -1)
    if (key !== 'file' && key !== 'filename') return false
    if (this.#seenKeys.has(key)) throw new StoreError('INVALID_REQUEST', `${key} is given twice`)
    this.#seenKeys.add(key)
    return key === 'file'
  }

  #scanBeforeFile(chunk: Buffer, start: number, events: BodyEvent[]): number {
    let position = start
    while (position < chunk.length && SPACES.has(chunk[position] ?? 0)) position++
    this.#frame.append(chunk.subarray(start, position))
    if (position === chunk.length) return position
    if (chunk[position] !== QUOTE) throw new StoreError('INVALID_REQUEST', 'file must be a string of base64')
    const name = this.#parseFrame('""}')
    if (name !== null) events.push({ kind: 'name', name })
    this.#isNamed = name !== null
    events.push({ kind: 'file', encoding: 'base64' })
    this.#state = 'file'
    return position + 1
  }

  #scanFile(chunk: Buffer, start: number, events: BodyEvent[]): number {
    const { bytes, position, isEnd } = this.#file.scan(chunk, start)
    if (bytes.length > 0) events.push({ kind: 'bytes', bytes })
    if (isEnd) {
      events.push({ kind: 'file-end' })
      this.#frame.append(Buffer.from('""'))
      this.#state = 'frame'
    }
    return position
  }

  #parseFrame(ending: string): FileName | null {
    const text = this.#frame.text().replace(BYTE_ORDER_MARK, '') + ending
    // Where nothing follows the file, the whole frame is what it was taken to become.
    if (this.#judged?.text !== text) this.#judged = { text, name: nameIn(text) }
    return this.#judged.name
  }
}

/** @throws INVALID_REQUEST where it is not a JSON object, or the name is no file name */
function nameIn(frame: string): FileName | null {
  const body = parseJson(frame)
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new StoreError('INVALID_REQUEST', 'the body must be a JSON object')
  }
  return 'filename' in body ? parseFileName(body.filename) : null
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new StoreError('INVALID_REQUEST', 'the body is not valid JSON', { cause: error })
  }
}
