import { createHash, type Hash } from 'node:crypto'

const KIB = 1024
const LEAST_PIECE = 256 * KIB
const LARGEST_PIECE = 16 * KIB * KIB
/** A larger file has larger pieces, until they are as large as clients take. */
const WANTED_PIECES = 1_500

/** @returns a power of two, which makes a torrent of some 30 KB or less up to 24 GiB */
export function pieceLengthFor(size: number): number {
  let length = LEAST_PIECE
  while (length < LARGEST_PIECE && size / length > WANTED_PIECES) length *= 2
  return length
}

/** Computes the SHA-1 of every piece of a file (BEP 3) as its bytes come. */
export class PieceHasher {
  readonly #pieceLength: number
  readonly #digests: Buffer[] = []
  #hash: Hash = createHash('sha1')
  #length = 0

  constructor(pieceLength: number) {
    this.#pieceLength = pieceLength
  }

  update(bytes: Buffer): void {
    for (let start = 0; start < bytes.length; ) {
      const end = Math.min(bytes.length, start + this.#pieceLength - this.#length)
      this.#hash.update(bytes.subarray(start, end))
      this.#length += end - start
      start = end
      if (this.#length === this.#pieceLength) this.#endPiece()
    }
  }

  /** @returns 20 bytes a piece */
  digest(): Buffer {
    if (this.#length > 0) this.#endPiece()
    return Buffer.concat(this.#digests)
  }

  #endPiece(): void {
    this.#digests.push(this.#hash.digest())
    this.#hash = createHash('sha1')
    this.#length = 0
  }
}
