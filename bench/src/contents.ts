import { createCipheriv, createHash } from 'node:crypto'

/** What large files repeat; a multiple of 3, so that base64 of the whole is the repeated base64 of it. Bytes. */
export const BLOCK_BYTES = 768 * 1024
/** How many different contents there are of every size. */
const SEED_COUNT = 64

const block = makeBlock()
const digests = new Map<string, string>()

/** A file of the benchmark: its name says what is in it, so that any process can make or check the bytes. */
export interface BenchFile {
  readonly name: string
  readonly sizeBytes: number
  readonly seed: number
}

export function nameFile(run: string, sizeBytes: number, count: number): BenchFile {
  const seed = count % SEED_COUNT
  return { name: `bench-${run}-${sizeBytes}-${seed}-${count}`, sizeBytes, seed }
}

export function parseFileName(name: string): BenchFile | null {
  const match = /^bench-\w+-(\d+)-(\d+)-\d+$/.exec(name)
  return match === null ? null : { name, sizeBytes: Number(match[1]), seed: Number(match[2]) }
}

/** The bytes of a file, in pieces of at most a block: random, hence not to be compressed by anyone. */
export function* contentOf({ sizeBytes, seed }: BenchFile): Generator<Buffer> {
  const start = sizeBytes > BLOCK_BYTES / 2 ? 0 : seed * 1024
  for (let left = sizeBytes; left > 0; left -= BLOCK_BYTES)
    yield block.subarray(start, start + Math.min(left, BLOCK_BYTES))
}

export function digestOf(file: BenchFile): string {
  const key = `${file.sizeBytes} ${file.seed}`
  const known = digests.get(key)
  if (known !== undefined) return known
  const hash = createHash('sha256')
  for (const piece of contentOf(file)) hash.update(piece)
  const digest = hash.digest('hex')
  digests.set(key, digest)
  return digest
}

/** The same bytes in every process and every run. */
function makeBlock(): Buffer {
  const key = Buffer.alloc(16, 7)
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(BLOCK_BYTES))
}
