import { Base64Meter, isBase64Byte, notBase64 } from '../base64-meter.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const UNICODE_ESCAPE = /^u[0-9A-Fa-f]{4}$/

interface Scanned {
  /** It is empty where the chunk holds nothing of the text. */
  readonly bytes: Buffer
  /** The scan stopped here: after the closing quote, or at the end of the chunk. */
  readonly position: number
  readonly isEnd: boolean
}

/**
 * Scans the inside of a JSON string that holds base64. Of JSON's escapes only `\/` and `\uXXXX` can mean a character of
 * base64, so the first quote always ends the string, and a span without a backslash is passed on as it is.
 */
export class JsonBase64String {
  readonly #meter: Base64Meter
  /** An escape that the end of a chunk cut is kept here, without its backslash. */
  #escape: string | null = null

  constructor(maxFileBytes: number) {
    this.#meter = new Base64Meter(maxFileBytes)
  }

  scan(chunk: Buffer, start: number): Scanned {
    const quote = chunk.indexOf(QUOTE, start)
    const isEnd = quote >= 0
    const raw = chunk.subarray(start, isEnd ? quote : chunk.length)
    const bytes = this.#escape === null && !raw.includes(BACKSLASH) ? raw : this.#unescape(raw)
    this.#meter.add(bytes)
    if (isEnd) {
      if (this.#escape !== null) throw notBase64()
      this.#meter.end()
    }
    return { bytes, position: isEnd ? quote + 1 : chunk.length, isEnd }
  }

  #unescape(raw: Buffer): Buffer {
    // An escape cut by an earlier chunk can end here, so this never holds more than `raw` does.
    const output = Buffer.allocUnsafe(raw.length)
    let length = 0
    for (let position = 0; position < raw.length; ) {
      if (this.#escape === null) {
        const backslash = raw.indexOf(BACKSLASH, position)
        const end = backslash < 0 ? raw.length : backslash
        length += raw.copy(output, length, position, end)
        position = end + 1
        if (backslash >= 0) this.#escape = ''
      } else {
        this.#escape += String.fromCharCode(raw[position++] ?? 0)
        const byte = escapedByte(this.#escape)
        if (byte === null) continue
        output[length++] = byte
        this.#escape = null
      }
    }
    return output.subarray(0, length)
  }
}

/** @returns what an escape stands for, or null where more of it must come */
function escapedByte(text: string): number | null {
  if (text === '/') return 0x2f
  if (text.length < 5 && text.startsWith('u')) return null
  const code = UNICODE_ESCAPE.test(text) ? Number.parseInt(text.slice(1), 16) : null
  if (code === null || !isBase64Byte(code)) throw notBase64()
  return code
}
