/**
 * What BEP 3 calls bencoding has whole numbers, byte strings, lists and dictionaries. A text is its UTF-8. Keys are Latin-1,
 * one character a byte, so that an info-hash can be one; what is undefined is left out.
 */
export type Bencodable =
  | number
  | string
  | Uint8Array
  | readonly Bencodable[]
  | { readonly [key: string]: Bencodable | undefined }

/** A torrent of 10,000 files in both versions has 110,000 values. */
const MAX_VALUES = 200_000
/** A hybrid's 32 directories stand in three dictionaries, and have two below them. */
const MAX_DEPTH = 40
/** The greatest whole number that is exact has so many digits. */
const MAX_DIGITS = 16

const code = { integer: 0x69, list: 0x6c, dictionary: 0x64, end: 0x65, colon: 0x3a, minus: 0x2d, zero: 0x30 } as const

/** Bencodes what `Bencodable` describes; fractions are cut off. @throws TypeError where the value is anything else */
export function encodeBencode(value: unknown): Buffer {
  return Buffer.from(encoded(value), 'latin1')
}

/**
 * Reads what may come from anywhere: every length and number has one form only, and what would take much memory is refused.
 * What follows the first value is not looked at.
 * @returns byte strings as `Uint8Array` that share the memory of `bytes`, dictionaries without a prototype, with keys as in `Bencodable`
 * @throws where the bytes are not bencoded, or are more than `maxValues` values or 40 levels deep
 */
export function decodeBencode(bytes: Uint8Array, maxValues = MAX_VALUES): unknown {
  return decodeFirst(bytes, maxValues).value
}

/** Decodes as `decodeBencode` does. @returns also how many bytes the value takes */
export function decodeFirst(
  bytes: Uint8Array,
  maxValues = MAX_VALUES,
): { readonly value: unknown; readonly length: number } {
  const decoder = new Decoder(bytes, maxValues)
  return { value: decoder.next(0), length: decoder.at }
}

/** @returns one character a byte: one long text is made faster than many small buffers */
function encoded(value: unknown): string {
  if (typeof value === 'number' && Number.isSafeInteger(Math.trunc(value))) return `i${Math.trunc(value)}e`
  if (typeof value === 'string') return byteString(Buffer.from(value).toString('latin1'))
  if (value instanceof Uint8Array)
    return byteString(Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1'))
  if (Array.isArray(value)) return `l${value.map(encoded).join('')}e`
  if (typeof value !== 'object' || value === null) throw new TypeError(`${String(value)} cannot be bencoded`)
  const fields = Object.entries(value).filter(([, item]) => item !== undefined)
  const sorted = fields.sort(([one], [other]) => (one < other ? -1 : 1))
  return `d${sorted.map(([key, item]) => keyString(key) + encoded(item)).join('')}e`
}

function keyString(key: string): string {
  if (/[\u0100-\uffff]/.test(key)) throw new TypeError(`${key} is no key: it must have one character a byte`)
  return byteString(key)
}

function byteString(text: string): string {
  return `${text.length}:${text}`
}

class Decoder {
  readonly #bytes: Uint8Array
  #valuesLeft: number
  /** This byte is the first that is not read yet. */
  at = 0

  constructor({ buffer, byteOffset, byteLength }: Uint8Array, maxValues: number) {
    this.#bytes = new Uint8Array(buffer, byteOffset, byteLength)
    this.#valuesLeft = maxValues
  }

  next(depth: number): unknown {
    if (depth > MAX_DEPTH) throw new Error('it is nested too deeply')
    if (this.#valuesLeft === 0) throw new Error('it has too many values')
    this.#valuesLeft -= 1
    switch (this.#bytes[this.at]) {
      case code.integer:
        this.at += 1
        return this.#integer()
      case code.list:
        this.at += 1
        return this.#list(depth)
      case code.dictionary:
        this.at += 1
        return this.#dictionary(depth)
      default:
        return this.#byteString()
    }
  }

  #integer(): number {
    if (!this.#takes(code.minus)) return this.#number(code.end)
    const number = this.#number(code.end)
    if (number === 0) throw this.#wrong()
    return -number
  }

  #list(depth: number): unknown[] {
    const list: unknown[] = []
    while (!this.#takes(code.end)) list.push(this.next(depth + 1))
    return list
  }

  #dictionary(depth: number): Record<string, unknown> {
    const dictionary: Record<string, unknown> = Object.create(null)
    while (!this.#takes(code.end)) {
      const { buffer, byteOffset, length } = this.#byteString()
      const key = Buffer.from(buffer, byteOffset, length).toString('latin1')
      if (key in dictionary) throw new Error('it has a key twice')
      dictionary[key] = this.next(depth + 1)
    }
    return dictionary
  }

  #byteString(): Uint8Array {
    const length = this.#number(code.colon)
    const start = this.at
    if (length > this.#bytes.length - start) throw new Error('it is cut off')
    this.at += length
    return this.#bytes.subarray(start, this.at)
  }

  /** Reads digits, no more of them than the number needs, and what ends them. */
  #number(end: number): number {
    const start = this.at
    let number = 0
    for (; this.at - start <= MAX_DIGITS; this.at++) {
      const digit = (this.#bytes[this.at] ?? 0) - code.zero
      if (digit < 0 || digit > 9) break
      number = 10 * number + digit
    }
    const digits = this.at - start
    const isShortest = digits === 1 || (digits > 1 && this.#bytes[start] !== code.zero)
    if (!isShortest || !Number.isSafeInteger(number) || !this.#takes(end)) throw this.#wrong()
    return number
  }

  /** @returns whether this is the next byte, which is read then */
  #takes(byte: number): boolean {
    if (this.#bytes[this.at] !== byte) return false
    this.at += 1
    return true
  }

  #wrong(): Error {
    return new Error(`it is not bencoded at byte ${this.at}`)
  }
}
