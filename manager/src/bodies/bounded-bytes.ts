import { StoreError } from '@holdfast/shared/errors/store-error'

/** Keeps bytes until they can be understood, and refuses them beyond a bound. */
export class BoundedBytes {
  readonly #maxBytes: number
  readonly #what: string
  #buffer = Buffer.allocUnsafe(256)
  #length = 0

  /** @param what names the bytes in the error */
  constructor(maxBytes: number, what: string) {
    this.#maxBytes = maxBytes
    this.#what = what
  }

  get length(): number {
    return this.#length
  }

  append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length
    if (length > this.#maxBytes) {
      throw new StoreError('INVALID_REQUEST', `${this.#what} must have at most ${this.#maxBytes} bytes`)
    }
    if (length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.min(this.#maxBytes, Math.max(length, this.#buffer.length * 2)))
      this.#buffer.copy(larger, 0, 0, this.#length)
      this.#buffer = larger
    }
    this.#buffer.set(bytes, this.#length)
    this.#length = length
  }

  clear(): void {
    this.#length = 0
  }

  /** @returns a view, which the next `append` or `clear` changes */
  view(start = 0, end = this.#length): Buffer {
    return this.#buffer.subarray(start, end)
  }

  /** @throws INVALID_REQUEST where the bytes are not UTF-8 */
  text(): string {
    return decodeUtf8(this.view(), this.#what)
  }
}

// `ignoreBOM` keeps a byte order mark in the text: dropping it would let two names become one.
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @param what names the bytes in the error. @throws INVALID_REQUEST */
export function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return strictUtf8.decode(bytes)
  } catch (error) {
    throw new StoreError('INVALID_REQUEST', `${what} must be UTF-8`, { cause: error })
  }
}
