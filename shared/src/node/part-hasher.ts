import { createHash } from 'node:crypto'
import type { Digest } from '../ids.ts'
import { PART_BYTES } from '../limits.ts'

export interface HashedBytes {
  readonly sizeBytes: number
  readonly sha256: Digest
  /** 32 bytes a part, in order. */
  readonly partDigests: Buffer
}

/** Hashes a body as it passes: the whole of it, and each of its parts. */
export class PartHasher {
  readonly #whole = createHash('sha256')
  readonly #parts: Buffer[] = []
  #part = createHash('sha256')
  #partBytes = 0
  #sizeBytes = 0

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  update(bytes: Uint8Array): void {
    this.#sizeBytes += bytes.length
    for (let offset = 0; offset < bytes.length; ) {
      if (this.#partBytes === PART_BYTES) this.#endPart()
      const take = Math.min(bytes.length - offset, PART_BYTES - this.#partBytes)
      const span = bytes.subarray(offset, offset + take)
      this.#part.update(span)
      this.#whole.update(span)
      this.#partBytes += take
      offset += take
    }
  }

  finish(): HashedBytes {
    if (this.#partBytes > 0) this.#endPart()
    return {
      sizeBytes: this.#sizeBytes,
      sha256: this.#whole.digest('hex') as Digest,
      partDigests: Buffer.concat(this.#parts),
    }
  }

  #endPart(): void {
    this.#parts.push(this.#part.digest())
    this.#part = createHash('sha256')
    this.#partBytes = 0
  }
}
