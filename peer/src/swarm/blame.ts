import { createHash } from 'node:crypto'

/** Blocks are compared in parts of this size, because a web seed sends many at once. */
const PART_BYTES = 16_384

interface Sent<Source> {
  readonly source: Source
  readonly offset: number
  readonly bytes: Uint8Array
}

interface Suspect<Source> {
  readonly source: Source
  readonly offset: number
  readonly length: number
  readonly digest: string
}

/**
 * Finds out who sent wrong bytes of a piece that came from several. Their blocks are remembered by digests until the piece is
 * verified, and then compared with it, so that nobody is blamed for what others sent.
 */
export class Blame<Source> {
  /** Holds the blocks of pieces that are not whole yet. */
  readonly #arriving = new Map<number, Sent<Source>[]>()
  readonly #suspects = new Map<number, Suspect<Source>[]>()

  note(piece: number, sent: Sent<Source>): void {
    const blocks = this.#arriving.get(piece) ?? []
    this.#arriving.set(piece, blocks)
    blocks.push(sent)
  }

  /** What has arrived of a piece is thrown away. */
  forget(piece: number): void {
    this.#arriving.delete(piece)
  }

  /** A piece is wrong. @returns who it was, or null where that will be known when the piece is verified */
  fail(piece: number): Source | null {
    const blocks = this.#arriving.get(piece) ?? []
    this.#arriving.delete(piece)
    const sources = new Set(blocks.map(({ source }) => source))
    const [only] = sources
    if (only !== undefined && sources.size === 1) return only
    this.#suspects.set(piece, [...(this.#suspects.get(piece) ?? []), ...blocks.flatMap(partsOf)])
    return null
  }

  /** A piece is right. @returns whether somebody is suspected of it, who is found by `compare` then */
  verify(piece: number): boolean {
    this.#arriving.delete(piece)
    return this.#suspects.has(piece)
  }

  /** @returns all who sent other bytes than these */
  compare(piece: number, right: Uint8Array): Set<Source> {
    const suspects = this.#suspects.get(piece) ?? []
    this.#suspects.delete(piece)
    const wrong = suspects.filter(
      ({ offset, length, digest }) => digestOf(right.subarray(offset, offset + length)) !== digest,
    )
    return new Set(wrong.map(({ source }) => source))
  }
}

function partsOf<Source>({ source, offset, bytes }: Sent<Source>): Suspect<Source>[] {
  return Array.from({ length: Math.ceil(bytes.length / PART_BYTES) }, (_, number) => {
    const part = bytes.subarray(number * PART_BYTES, (number + 1) * PART_BYTES)
    return { source, offset: offset + number * PART_BYTES, length: part.length, digest: digestOf(part) }
  })
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('base64')
}
