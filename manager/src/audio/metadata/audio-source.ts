import type { IRandomAccessFileInfo } from 'strtok3'
import { AbstractTokenizer, EndOfStreamError } from 'strtok3'

/** Bytes are fetched in pages of this size. */
export const PAGE_BYTES = 64 * 1024
/** One value, such as a cover, has at most so many bytes. */
const LARGEST_VALUE_BYTES = 16 * 1024 ** 2

/** Metadata takes no more of a file than this, nor more reads than so many. */
export interface ReadBudget {
  readonly bytes: number
  readonly reads: number
}

/** A file's own size and type would let a parser ask for anything, so what it asks for is bounded. */
class BudgetExceeded extends Error {
  override readonly name = 'BudgetExceeded'
}

/** Gives bytes from a place on. */
export interface ByteSource {
  readonly size: number
  read(start: number, length: number): Promise<Buffer>
}

/** Gives bytes of a file anywhere in it, from pages that are fetched once. */
export class AudioSource implements ByteSource {
  readonly size: number
  readonly #head: Buffer
  readonly #fetch: (start: number, end: number) => Promise<Buffer>
  readonly #budget: ReadBudget
  readonly #pages = new Map<number, Promise<Buffer>>()
  #fetchedBytes = 0
  #reads = 0

  /** @param head holds the first bytes, or all. @param fetch gives the bytes `start` to `end` */
  constructor(
    { size, head }: { readonly size: number; readonly head: Buffer },
    fetch: (start: number, end: number) => Promise<Buffer>,
    budget: ReadBudget,
  ) {
    this.size = size
    this.#head = head
    this.#fetch = fetch
    this.#budget = budget
  }

  /** @returns the bytes from `start` on, fewer than `length` only where the file ends */
  async read(start: number, length: number): Promise<Buffer> {
    if (++this.#reads > this.#budget.reads) throw new BudgetExceeded('it has too many parts')
    const end = Math.min(this.size, start + length)
    if (start >= end) return Buffer.alloc(0)
    if (end <= this.#head.length) return this.#head.subarray(start, end)
    const pieces: Buffer[] = []
    for (let page = Math.floor(start / PAGE_BYTES); page * PAGE_BYTES < end; page++) {
      const bytes = await this.#page(page)
      const pageStart = page * PAGE_BYTES
      pieces.push(bytes.subarray(Math.max(0, start - pageStart), end - pageStart))
    }
    return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
  }

  #page(page: number): Promise<Buffer> {
    const start = page * PAGE_BYTES
    const end = Math.min(this.size, start + PAGE_BYTES)
    if (end <= this.#head.length) return Promise.resolve(this.#head.subarray(start, end))
    let bytes = this.#pages.get(page)
    if (bytes === undefined) {
      this.#fetchedBytes += end - start
      if (this.#fetchedBytes > this.#budget.bytes) throw new BudgetExceeded('its metadata is spread too widely')
      bytes = this.#fetch(start, end)
      this.#pages.set(page, bytes)
    }
    return bytes
  }
}

/** Lets the parsers of `music-metadata` read a source. */
export class SourceTokenizer extends AbstractTokenizer {
  readonly fileInfo: IRandomAccessFileInfo
  readonly #source: ByteSource

  constructor(source: ByteSource, mimeType: string) {
    super({ maxBufferSize: LARGEST_VALUE_BYTES })
    this.#source = source
    this.fileInfo = { size: source.size, mimeType }
  }

  supportsRandomAccess(): boolean {
    return true
  }

  setPosition(position: number): void {
    this.validateLength(position, 'position')
    this.position = position
  }

  async readBuffer(target: Uint8Array, options?: Parameters<AbstractTokenizer['readBuffer']>[1]): Promise<number> {
    const wish = this.normalizeOptions(target, options)
    const count = await this.peekBuffer(target, wish)
    this.position = wish.position + count
    return count
  }

  async peekBuffer(target: Uint8Array, options?: Parameters<AbstractTokenizer['peekBuffer']>[1]): Promise<number> {
    const { position, length, mayBeLess } = this.normalizeOptions(target, options)
    const bytes = await this.#source.read(position, length)
    if (bytes.length < length && !mayBeLess) throw new EndOfStreamError()
    target.set(bytes)
    return bytes.length
  }
}
