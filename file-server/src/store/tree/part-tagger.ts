import type { PartKey } from '@holdfast/shared/ids'
import { PART_BYTES } from '@holdfast/shared/limits'
import { type PartDigester, startPart } from '@holdfast/shared/node/part-digest'

/** Makes the tags of a copy's parts as its bytes pass. */
export class PartTagger {
  readonly #key: PartKey
  readonly #chunk: number
  readonly #tags: Buffer[] = []
  #part: PartDigester | null = null
  #partBytes = 0

  /** @param chunk the chunk's place in the document that has the key, from 0 */
  constructor(key: PartKey, chunk: number) {
    this.#key = key
    this.#chunk = chunk
  }

  update(bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.length; ) {
      if (this.#partBytes === PART_BYTES) this.#endPart()
      this.#part ??= startPart({ key: this.#key, chunk: this.#chunk, index: this.#tags.length })
      const take = Math.min(bytes.length - offset, PART_BYTES - this.#partBytes)
      this.#part.update(bytes.subarray(offset, offset + take))
      this.#partBytes += take
      offset += take
    }
  }

  /** @returns 16 bytes a part, in order, in memory of their own: a small Buffer that is kept would keep all of Node's pool. */
  finish(): Uint8Array {
    this.#endPart()
    return new Uint8Array(Buffer.concat(this.#tags))
  }

  #endPart(): void {
    if (this.#part !== null) this.#tags.push(this.#part.digest())
    this.#part = null
    this.#partBytes = 0
  }
}
