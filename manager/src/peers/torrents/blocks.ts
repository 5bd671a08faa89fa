import { createHash, type Hash } from 'node:crypto'

/** Hashes blocks of one length, the last of which may be shorter, however the bytes come. */
export class Blocks {
  readonly #algorithm: 'sha1' | 'sha256'
  readonly #length: number
  readonly #onDigest: (digest: Buffer) => void
  #hash: Hash
  #hashed = 0

  /** @param onDigest is given the digest of each block in turn */
  constructor(algorithm: 'sha1' | 'sha256', length: number, onDigest: (digest: Buffer) => void) {
    this.#algorithm = algorithm
    this.#length = length
    this.#onDigest = onDigest
    this.#hash = createHash(algorithm)
  }

  update(bytes: Buffer): void {
    for (let start = 0; start < bytes.length; ) {
      const end = Math.min(bytes.length, start + this.#length - this.#hashed)
      this.#hash.update(bytes.subarray(start, end))
      this.#hashed += end - start
      start = end
      if (this.#hashed === this.#length) this.#endBlock()
    }
  }

  /** Ends the last block. */
  end(): void {
    if (this.#hashed > 0) this.#endBlock()
  }

  #endBlock(): void {
    this.#onDigest(this.#hash.digest())
    this.#hash = createHash(this.#algorithm)
    this.#hashed = 0
  }
}
