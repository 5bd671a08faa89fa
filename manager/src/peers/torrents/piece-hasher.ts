import { Blocks } from './blocks.ts'

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
  readonly #digests: Buffer[] = []
  readonly #blocks: Blocks

  constructor(pieceLength: number) {
    this.#blocks = new Blocks('sha1', pieceLength, (digest) => this.#digests.push(digest))
  }

  update(bytes: Buffer): void {
    this.#blocks.update(bytes)
  }

  /** @returns 20 bytes a piece */
  digest(): Buffer {
    this.#blocks.end()
    return Buffer.concat(this.#digests)
  }
}
