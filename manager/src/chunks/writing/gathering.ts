import { createHash, type Hash, hash } from 'node:crypto'
import type { Digest } from '@holdfast/shared/ids'
import type { BufferPool, PooledBuffer } from '@holdfast/shared/wire/buffer-pool'
import type { HeldChunk } from './store-replicas.ts'

/**
 * Gathers the bytes of a chunk in memory that is used again, for the pieces that a socket reads outlive the young
 * generation while a chunk fills, and pile up.
 */
export class Gathering {
  readonly #blocks: BufferPool
  readonly #taken: PooledBuffer[] = []
  readonly #pieces: Buffer[] = []
  #hash: Hash | undefined
  #block: Buffer | undefined
  #filled = 0
  size = 0

  constructor(blocks: BufferPool) {
    this.#blocks = blocks
  }

  add(piece: Buffer): void {
    this.size += piece.length
    // A small file is one small piece, and is not copied.
    if (this.size === piece.length && piece.length > 0) {
      this.#push(piece)
      return
    }
    for (let offset = 0; offset < piece.length; ) {
      this.#block ??= this.#takeBlock()
      const copiedBytes = piece.copy(this.#block, this.#filled, offset)
      offset += copiedBytes
      this.#filled += copiedBytes
      if (this.#filled === this.#block.length) this.#endBlock()
    }
  }

  /** What is one piece is hashed in one go, for to make a hash costs more than to use it. */
  end(): HeldChunk & { readonly sha256: Digest } {
    this.#endBlock()
    const [first = Buffer.alloc(0)] = this.#pieces
    const sha256 = (this.#hash === undefined ? hash('sha256', first, 'hex') : this.#hash.digest('hex')) as Digest
    return { pieces: this.#pieces, sizeBytes: this.size, sha256 }
  }

  /** Ends the use of the pieces. */
  giveBack(): void {
    for (const block of this.#taken) block.giveBack()
  }

  #takeBlock(): Buffer {
    const block = this.#blocks.take()
    this.#taken.push(block)
    return block.bytes
  }

  #endBlock(): void {
    if (this.#block !== undefined) this.#push(this.#block.subarray(0, this.#filled))
    this.#block = undefined
    this.#filled = 0
  }

  #push(piece: Buffer): void {
    const [first] = this.#pieces
    this.#pieces.push(piece)
    if (first === undefined) return
    this.#hash ??= createHash('sha256').update(first)
    this.#hash.update(piece)
  }
}
