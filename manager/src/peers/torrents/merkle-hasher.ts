import { createHash } from 'node:crypto'
import { Blocks } from './blocks.ts'

/** Version 2 of BitTorrent knows a file by these (BEP 52). */
export interface Merkle {
  /** Its 32 bytes stand for all bytes of the file. */
  readonly root: Buffer
  /** It has 32 bytes a piece, and none where the file has one piece alone, which the root stands for. */
  readonly layer: Buffer
}

const BLOCK_BYTES = 16 * 1024
/** Stands in the tree for a block behind the end of the file. */
const NO_BLOCK = Buffer.alloc(32)

/** Computes the SHA-256 tree of a file as its bytes come, and keeps 32 bytes a piece of it. */
export class MerkleHasher {
  /** The tree of a whole piece has so many levels above its blocks. */
  readonly #height: number
  readonly #blocks: Blocks
  #leaves: Buffer[] = []
  readonly #layer: Buffer[] = []

  /** @param pieceLength is a power of two, of at least 16 KiB */
  constructor(pieceLength: number) {
    this.#height = Math.log2(pieceLength / BLOCK_BYTES)
    this.#blocks = new Blocks('sha256', BLOCK_BYTES, (digest) => {
      this.#leaves.push(digest)
      if (this.#leaves.length === 2 ** this.#height) this.#endPiece()
    })
  }

  update(bytes: Buffer): void {
    this.#blocks.update(bytes)
  }

  digest(): Merkle {
    this.#blocks.end()
    const layer = this.#layer
    // The tree of a file below a piece is only as high as its blocks need.
    if (layer.length === 0) return { root: rootOf(this.#leaves, NO_BLOCK), layer: Buffer.alloc(0) }
    if (this.#leaves.length > 0) this.#endPiece()
    const root = rootOf(layer, rootOf([NO_BLOCK], NO_BLOCK, this.#height))
    return { root, layer: layer.length === 1 ? Buffer.alloc(0) : Buffer.concat(layer) }
  }

  #endPiece(): void {
    this.#layer.push(rootOf(this.#leaves, NO_BLOCK, this.#height))
    this.#leaves = []
  }
}

/** @param blank stands for each node that is missing on the level of these. @param height is as low as it can be unless given */
function rootOf(nodes: readonly Buffer[], blank: Buffer, height = Math.ceil(Math.log2(nodes.length))): Buffer {
  let level = nodes
  let missing = blank
  for (let above = 0; above < height; above++) {
    const parents: Buffer[] = []
    for (let index = 0; index < level.length; index += 2)
      parents.push(parentOf(level[index] ?? missing, level[index + 1] ?? missing))
    level = parents
    missing = parentOf(missing, missing)
  }
  return level[0] ?? missing
}

function parentOf(left: Buffer, right: Buffer): Buffer {
  return createHash('sha256').update(left).update(right).digest()
}
