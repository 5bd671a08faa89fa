import { StoreError } from '@holdfast/shared/errors/store-error'

const PERCENT = 0x25
const PLUS = 0x2b
const SPACE = 0x20

/** Decodes one field of a form (the URL standard's application/x-www-form-urlencoded) as it arrives. */
export class PercentDecoder {
  readonly #isPlusSpace: boolean
  readonly #judge: (byte: number) => void
  /** An escape that the end of a chunk cut is kept here, without its percent sign. */
  #escape: string | null = null

  /** @param judge throws for a byte that no escape may stand for */
  constructor(options: { isPlusSpace: boolean; judge?: (byte: number) => void }) {
    this.#isPlusSpace = options.isPlusSpace
    this.#judge = options.judge ?? (() => undefined)
  }

  /** @returns the input itself where there is nothing to decode. @throws INVALID_REQUEST */
  push(raw: Buffer): Buffer {
    if (this.#escape === null && !raw.includes(PERCENT) && !(this.#isPlusSpace && raw.includes(PLUS))) return raw
    // An escape cut by an earlier chunk can end here, so this never holds more than `raw` does.
    const output = Buffer.allocUnsafe(raw.length)
    let length = 0
    for (let position = 0; position < raw.length; ) {
      if (this.#escape === null) {
        const percent = raw.indexOf(PERCENT, position)
        const end = percent < 0 ? raw.length : percent
        length += raw.copy(output, length, position, end)
        if (this.#isPlusSpace) replacePlus(output, length - (end - position), length)
        position = end + 1
        if (percent >= 0) this.#escape = ''
      } else {
        this.#escape += String.fromCharCode(raw[position++] ?? 0)
        if (this.#escape.length < 2) continue
        if (!/^[0-9A-Fa-f]{2}$/.test(this.#escape)) throw badEscape(this.#escape)
        const byte = Number.parseInt(this.#escape, 16)
        this.#judge(byte)
        output[length++] = byte
        this.#escape = null
      }
    }
    return output.subarray(0, length)
  }

  /** @throws INVALID_REQUEST where the field ends within an escape */
  end(): void {
    if (this.#escape !== null) throw badEscape(this.#escape)
  }
}

function replacePlus(bytes: Buffer, start: number, end: number): void {
  for (let position = bytes.indexOf(PLUS, start); position >= 0 && position < end; ) {
    bytes[position] = SPACE
    position = bytes.indexOf(PLUS, position + 1)
  }
}

function badEscape(digits: string): StoreError {
  return new StoreError('INVALID_REQUEST', `bad escape in the form: ${JSON.stringify(`%${digits}`)}`)
}
