import { StoreError } from '@holdfast/shared/errors/store-error'
import { type BodyScanner, MAX_BESIDE_FILE_BYTES } from './body-scanner.ts'

/** White space and the three bytes of UTF-8's byte order mark may stand before JSON. */
const SKIPPED = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf])
const BRACE = 0x7b

/** Takes the first byte's word for the format, because `curl -d '{…}'` sends JSON under the content type of a form. */
export class SniffingScanner implements BodyScanner {
  readonly #makeJson: () => BodyScanner
  readonly #makeOther: () => BodyScanner
  #chosen: BodyScanner | null = null
  #skippedBytes = 0

  /** @param makeOther makes the scanner for a body that does not begin with `{`, or throws */
  constructor(makeJson: () => BodyScanner, makeOther: () => BodyScanner) {
    this.#makeJson = makeJson
    this.#makeOther = makeOther
  }

  push(chunk: Buffer): ReturnType<BodyScanner['push']> {
    if (this.#chosen !== null) return this.#chosen.push(chunk)
    const first = chunk.findIndex((byte) => !SKIPPED.has(byte))
    this.#skippedBytes += first < 0 ? chunk.length : first
    if (this.#skippedBytes > MAX_BESIDE_FILE_BYTES) {
      throw new StoreError('INVALID_REQUEST', 'the body begins with too much white space')
    }
    if (first < 0) return []
    this.#chosen = chunk[first] === BRACE ? this.#makeJson() : this.#makeOther()
    return this.#chosen.push(chunk.subarray(first))
  }

  end(): ReturnType<BodyScanner['end']> {
    if (this.#chosen === null) throw new StoreError('INVALID_REQUEST', 'the body is empty')
    return this.#chosen.end()
  }
}
