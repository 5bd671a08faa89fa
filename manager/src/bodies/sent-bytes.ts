/** The bytes of a body on their way: a head that is kept, and the rest that passes. Counts what passes. */
export class SentBytes {
  readonly #source: AsyncIterator<Buffer>
  #head: Buffer = Buffer.alloc(0)
  #isComplete = false
  #readBytes = 0
  #lastTwo = ''

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** Whether the body has ended. */
  get isComplete(): boolean {
    return this.#isComplete
  }

  get readBytes(): number {
    return this.#readBytes
  }

  /** How many `=` the bytes end in, at most 2. */
  get paddingCount(): number {
    return this.#lastTwo.endsWith('==') ? 2 : this.#lastTwo.endsWith('=') ? 1 : 0
  }

  /** Reads until the body ends or more than `limit` bytes are there. */
  async readHead(limit: number): Promise<Buffer> {
    const chunks: Buffer[] = []
    while (!this.#isComplete && this.#readBytes <= limit) {
      const chunk = await this.#next()
      if (chunk !== null) chunks.push(chunk)
    }
    this.#head = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
    return this.#head
  }

  /** The whole body: the head, then the rest as it comes. `beforeEnd` may throw to call it off. */
  async *all(beforeEnd: () => Promise<void>): AsyncGenerator<Buffer> {
    yield this.#head
    while (!this.#isComplete) {
      const chunk = await this.#next()
      if (chunk !== null) yield chunk
    }
    await beforeEnd()
  }

  /** Lets the body go, read to its end or not. */
  async close(): Promise<void> {
    await this.#source.return?.()
  }

  async #next(): Promise<Buffer | null> {
    const { done, value } = await this.#source.next()
    if (done === true) {
      this.#isComplete = true
      return null
    }
    this.#readBytes += value.length
    this.#lastTwo = (this.#lastTwo + value.subarray(-2).toString('latin1')).slice(-2)
    return value
  }
}
