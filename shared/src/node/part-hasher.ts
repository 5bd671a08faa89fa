import { createHash, type Hash } from 'node:crypto'
import type { Digest } from '../ids.ts'
import { PART_BYTES } from '../limits.ts'

export interface HashedBytes {
  readonly sizeBytes: number
  readonly sha256: Digest
  /** 32 bytes a part, in order. */
  readonly partDigests: Buffer
}

/** Hashes a body as it passes: the whole of it, and each of its parts. A body of one part is hashed once. */
export class PartHasher {
  /** null during the first part, whose hash is the whole's so far. */
  #whole: Hash | null = null
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
      if (this.#partBytes === PART_BYTES) this.#startPart()
      const take = Math.min(bytes.length - offset, PART_BYTES - this.#partBytes)
      const span = bytes.subarray(offset, offset + take)
      this.#part.update(span)
      this.#whole?.update(span)
      this.#partBytes += take
      offset += take
    }
  }

  finish(): HashedBytes {
    const last = this.#part.digest()
    const whole = this.#whole?.digest() ?? last
    return {
      sizeBytes: this.#sizeBytes,
      sha256: whole.toString('hex') as Digest,
      partDigests: this.#sizeBytes === 0 ? Buffer.alloc(0) : Buffer.concat([...this.#parts, last]),
    }
  }

  #startPart(): void {
    this.#whole ??= this.#part.copy()
    this.#parts.push(this.#part.digest())
    this.#part = createHash('sha256')
    this.#partBytes = 0
  }
}
