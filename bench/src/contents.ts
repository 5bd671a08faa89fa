import { createCipheriv } from 'node:crypto'

/** Large files repeat a block of this size, a multiple of 3, so that their base64 repeats the block's base64. */
export const BLOCK_BYTES = 768 * 1024
/** Every size has so many different contents. */
const SEED_COUNT = 64

const block = makeBlock()

/** The number of a file says what is in it, so that its bytes can be made and compared anywhere. */
export interface BenchFile {
  readonly name: string
  readonly sizeBytes: number
  readonly seed: number
}

export function nameFile(run: string, sizeBytes: number, count: number): BenchFile {
  const seed = count % SEED_COUNT
  return { name: `bench-${run}-${sizeBytes}-${seed}-${count}`, sizeBytes, seed }
}

/** Yields the bytes of a file in pieces of at most a block. They are random, so nobody can compress them. */
export function* contentOf({ sizeBytes, seed }: BenchFile): Generator<Buffer> {
  const start = sizeBytes > BLOCK_BYTES / 2 ? 0 : seed * 1024
  for (let left = sizeBytes; left > 0; left -= BLOCK_BYTES)
    yield block.subarray(start, start + Math.min(left, BLOCK_BYTES))
}

/** @returns what stands at an offset of a file, up to the end of its piece */
export function contentAt({ sizeBytes, seed }: BenchFile, offset: number): Buffer {
  const start = sizeBytes > BLOCK_BYTES / 2 ? 0 : seed * 1024
  const at = offset % BLOCK_BYTES
  return block.subarray(start + at, start + Math.min(BLOCK_BYTES, at + sizeBytes - offset))
}

/** Makes the same bytes in every process and every run. */
function makeBlock(): Buffer {
  const key = Buffer.alloc(16, 7)
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(BLOCK_BYTES))
}
