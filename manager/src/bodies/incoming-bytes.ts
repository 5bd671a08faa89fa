import { decodedLength } from '@holdfast/shared/base64-length'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { Base64Decoder } from '@holdfast/shared/node/base64-decoder'
import type { Encoding } from '@holdfast/shared/wire/shapes'

export interface BytesKind {
  /** Tells whether the body was announced as a small one. */
  readonly isSmall: boolean
}

/**
 * Gives the bytes of one file on their way in: a head that is held, and the rest that passes. They travel as they came, as
 * base64 text perhaps, but sizes and first bytes are told of the file itself.
 */
export class IncomingBytes {
  readonly encoding: Encoding
  /** Tells whether the file is known to be small before it is read. */
  readonly isSmall: boolean
  readonly #source: AsyncIterator<Buffer>
  #head: Buffer = Buffer.alloc(0)
  #isComplete = false
  #readBytes = 0
  #lastTwo = ''
  /** Text that was decoded once is asked for again, and mostly for less of it. */
  #decoded: Buffer = Buffer.alloc(0)

  constructor(encoding: Encoding, source: AsyncIterable<Buffer>, { isSmall }: BytesKind = { isSmall: false }) {
    this.encoding = encoding
    this.isSmall = isSmall
    this.#source = source[Symbol.asyncIterator]()
  }

  /** Wraps bytes that are all there. */
  static whole(encoding: Encoding, bytes: Buffer): IncomingBytes {
    const incoming = new IncomingBytes(encoding, nothing, { isSmall: true })
    incoming.#head = bytes
    incoming.#isComplete = true
    incoming.#note(bytes)
    return incoming
  }

  /** Tells whether the last byte has been read. */
  get isComplete(): boolean {
    return this.#isComplete
  }

  /** Counts the bytes that have been read, as they travel. */
  get readBytes(): number {
    return this.#readBytes
  }

  /** These bytes are held, as they travel: all of them where they were complete when `readHead` ended. */
  get head(): Buffer {
    return this.#head
  }

  /** @returns how many bytes the file has, once all are read. @throws INVALID_REQUEST where they are no whole base64 */
  measure(): number {
    if (this.encoding === 'binary') return this.#readBytes
    if (this.#readBytes % 4 !== 0)
      throw new StoreError('INVALID_REQUEST', 'file is not base64: its length is not a multiple of 4')
    const paddingCount = this.#lastTwo.endsWith('==') ? 2 : this.#lastTwo.endsWith('=') ? 1 : 0
    return decodedLength(this.#readBytes, paddingCount)
  }

  /** Decodes the file's first bytes: at most `length`, fewer where the head holds no more. */
  firstBytes(length: number): Buffer {
    if (this.encoding === 'binary') return this.#head.subarray(0, length)
    if (this.#decoded.length < length) {
      const text = this.#head.toString('latin1', 0, Math.ceil(length / 3) * 4)
      this.#decoded = Buffer.from(text, 'base64')
    }
    return this.#decoded.subarray(0, length)
  }

  /** Reads until the bytes end or more than `limit` are there, as they travel. */
  async readHead(limit: number): Promise<void> {
    if (this.#isComplete) return
    const pieces: Buffer[] = []
    while (!this.#isComplete && this.#readBytes <= limit) {
      const piece = await this.#next()
      if (piece !== null) pieces.push(piece)
    }
    this.#head = pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
  }

  /** Gives all bytes: the head, then the rest as it comes. `beforeEnd` may throw to call them off. */
  async *all(beforeEnd: () => Promise<void>): AsyncGenerator<Buffer> {
    if (this.#head.length > 0) yield this.#head
    while (!this.#isComplete) {
      const piece = await this.#next()
      if (piece !== null) yield piece
    }
    await beforeEnd()
  }

  /** Gives the file's own bytes, in pieces that the receiver may keep. @throws INVALID_REQUEST, and what `beforeEnd` throws */
  async *decoded(beforeEnd: () => Promise<void>): AsyncGenerator<Buffer> {
    if (this.encoding === 'binary') return yield* this.all(beforeEnd)
    const decoder = new Base64Decoder()
    const checkEnd = async (): Promise<void> => {
      decoder.finish()
      await beforeEnd()
    }
    for await (const text of this.all(checkEnd)) {
      const kept: Buffer[] = []
      // The decoder's memory is only lent.
      await decoder.write(text, async (lent) => void kept.push(Buffer.from(lent)))
      yield* kept
    }
  }

  /** Lets the request go, whether it was read to its end or not. */
  async close(): Promise<void> {
    await this.#source.return?.()
  }

  async #next(): Promise<Buffer | null> {
    const { done, value } = await this.#source.next()
    if (done === true) {
      this.#isComplete = true
      return null
    }
    this.#note(value)
    return value
  }

  #note(piece: Buffer): void {
    this.#readBytes += piece.length
    this.#lastTwo = (this.#lastTwo + piece.toString('latin1', Math.max(0, piece.length - 2))).slice(-2)
  }
}

const nothing: AsyncIterable<Buffer> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true as const, value: undefined }) }),
}
