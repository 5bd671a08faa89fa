import { decodedLength } from '@holdfast/shared/base64-length'
import { StoreError } from '@holdfast/shared/errors/store-error'

const PADDING = 0x3d

/** Measures base64 text as it passes, so that a file over the limit is refused before it is decoded. */
export class Base64Meter {
  readonly #maxFileBytes: number
  readonly #maxLength: number
  #length = 0
  #paddingCount = 0

  constructor(maxFileBytes: number) {
    this.#maxFileBytes = maxFileBytes
    this.#maxLength = base64Length(maxFileBytes)
  }

  /** @throws TOO_LARGE */
  add(text: Buffer): void {
    this.#length += text.length
    if (this.#length > this.#maxLength) throw new StoreError('TOO_LARGE')
    let paddingCount = 0
    while (paddingCount < text.length && text[text.length - 1 - paddingCount] === PADDING) paddingCount++
    this.#paddingCount = paddingCount === text.length ? this.#paddingCount + paddingCount : paddingCount
  }

  /** @throws TOO_LARGE, or INVALID_REQUEST where no base64 has a text of this length */
  end(): void {
    if (this.#length % 4 !== 0 || this.#paddingCount > 2) throw notBase64()
    if (decodedLength(this.#length, this.#paddingCount) > this.#maxFileBytes) throw new StoreError('TOO_LARGE')
  }
}

/** @returns how many characters the base64 of so many bytes has */
export function base64Length(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 3) * 4
}

export function notBase64(): StoreError {
  return new StoreError('INVALID_REQUEST', 'file is not base64, in one line: base64 -w0 writes it so')
}

/** The alphabet is `A-Z a-z 0-9 + / =` (RFC 4648, section 4). */
export function isBase64Byte(byte: number): boolean {
  return (
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x2f && byte <= 0x39) ||
    byte === 0x2b ||
    byte === PADDING
  )
}
