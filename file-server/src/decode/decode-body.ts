import { Base64Decoder, decodeBase64 } from '@holdfast/shared/node/base64-decoder'
import type { Encoding } from '@holdfast/shared/wire/shapes'

/** @returns the bytes of a body that is whole, in memory of their own where it came as base64. @throws INVALID_REQUEST */
export function decodeBody(encoding: Encoding, body: Uint8Array): Uint8Array {
  return encoding === 'base64' ? decodeBase64(body) : body
}

/** Decodes a body that comes in pieces, cut anywhere. */
export class BodyDecoder {
  readonly #base64: Base64Decoder | null

  constructor(encoding: Encoding) {
    this.#base64 = encoding === 'base64' ? new Base64Decoder() : null
  }

  /** Lends the bytes of a piece to `use` until it ends. It does not call `use` without any. @throws INVALID_REQUEST, and what `use` throws */
  async write(piece: Uint8Array, use: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    if (this.#base64 !== null) await this.#base64.write(piece, use)
    else if (piece.length > 0) await use(piece)
  }

  /** @throws INVALID_REQUEST where base64 ended within a group */
  finish(): void {
    this.#base64?.finish()
  }
}
