import { decodedLength } from '../base64-length.ts'
import { StoreError } from '../errors/store-error.ts'

const PADDING = 0x3d
/**
 * Text is decoded in strings of this size, because the memory of larger ones comes from the system, which costs ten
 * times the decoding.
 */
const STRING_BYTES = 32 * 1024
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/**
 * Decodes base64 text (RFC 4648 section 4) as it arrives, cut anywhere. It takes only the standard alphabet, padded and
 * canonical.
 */
export class Base64Decoder {
  /** Up to 3 characters wait here for the rest of their group. */
  #rest: Buffer = Buffer.alloc(0)
  #isPadded = false
  /** Every chunk is decoded into this memory, because fresh memory for each would cost more than the decoding. */
  #memory: Buffer = Buffer.alloc(0)
  #isLent = false

  /**
   * Lends the bytes that are complete to `use` until it ends, when their memory is the decoder's again. It does not
   * call `use` without any.
   * @throws INVALID_REQUEST, and what `use` throws
   */
  async write(chunk: Uint8Array, use: (bytes: Buffer) => Promise<void>): Promise<void> {
    if (this.#isLent) throw new StoreError('INTERNAL', 'the bytes of the write before are in use')
    const bytes = this.#take(chunk)
    if (bytes.length === 0) return
    this.#isLent = true
    try {
      await use(bytes)
    } finally {
      this.#isLent = false
    }
  }

  /** @throws INVALID_REQUEST where the text ended within a group */
  finish(): void {
    if (this.#rest.length > 0) throw cut()
  }

  #take(chunk: Uint8Array): Buffer {
    const arrived = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    const text = this.#rest.length === 0 ? arrived : Buffer.concat([this.#rest, arrived])
    const wholeGroups = text.length - (text.length % 4)
    this.#rest = Buffer.from(text.subarray(wholeGroups))
    if (wholeGroups === 0) return Buffer.alloc(0)
    if (this.#isPadded) throw invalid('there is more after the padding')
    return this.#decode(text.subarray(0, wholeGroups))
  }

  #decode(text: Buffer): Buffer {
    const paddingCount = paddingOf(text)
    const expectedLength = decodedLength(text.length, paddingCount)
    if (this.#memory.length < expectedLength) this.#memory = Buffer.allocUnsafe(expectedLength)
    if (paddingCount > 0) this.#isPadded = true
    return decodeInto(this.#memory, text, paddingCount)
  }
}

/** Decodes a whole text at once. @throws INVALID_REQUEST */
export function decodeBase64(bytes: Uint8Array): Buffer {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (text.length % 4 !== 0) throw cut()
  const paddingCount = paddingOf(text)
  return decodeInto(Buffer.allocUnsafe(decodedLength(text.length, paddingCount)), text, paddingCount)
}

function paddingOf(text: Buffer): number {
  if (text[text.length - 1] !== PADDING) return 0
  return text[text.length - 2] === PADDING ? 2 : 1
}

/** @param text has whole groups. @param memory is large enough. @throws INVALID_REQUEST */
function decodeInto(memory: Buffer, text: Buffer, paddingCount: number): Buffer {
  let length = 0
  for (let from = 0; from < text.length; from += STRING_BYTES)
    length += memory.write(text.toString('latin1', from, from + STRING_BYTES), length, 'base64')
  // Buffer skips what is not base64, which shows in the length, but also takes the URL alphabet, which does not.
  if (length !== decodedLength(text.length, paddingCount) || text.includes('-') || text.includes('_'))
    throw invalid(strangerIn(text))
  if (paddingCount > 0) {
    const last = ALPHABET.indexOf(String.fromCharCode(text[text.length - 1 - paddingCount] ?? PADDING))
    if (last % (paddingCount === 2 ? 16 : 4) !== 0) throw invalid('the bits after its last byte are not zero')
  }
  return memory.subarray(0, length)
}

/** Names the common mistakes, so that a client's author sees what is wrong. */
function strangerIn(text: Buffer): string {
  if (text.includes('\n')) return 'it holds a line break; base64 -w0 writes none'
  if (text.includes('-') || text.includes('_')) return 'it holds - or _, which are of the alphabet for URLs'
  return 'it holds a character outside the alphabet, or padding before the end'
}

function cut(): StoreError {
  return invalid('its length is not a multiple of 4')
}

function invalid(reason: string): StoreError {
  return new StoreError('INVALID_REQUEST', `not base64: ${reason}`)
}
