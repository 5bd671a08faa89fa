import { digestPart } from '@holdfast/shared/node/part-digest'
import { BufferPool, type PooledBuffer } from '@holdfast/shared/wire/buffer-pool'
import { expect } from 'vitest'
import { readPart } from '../../../src/chunks/reading/read-part.ts'

/** Remembers the memory that it lends. */
export class LentBuffers extends BufferPool {
  readonly lent: Buffer[] = []

  override take(length: number): PooledBuffer {
    const buffer = super.take(length)
    this.lent.push(buffer.bytes)
    return buffer
  }
}

/** Reads a part, and checks that it comes with the digest of its bytes. */
export async function readBytes(...wanted: Parameters<typeof readPart>): Promise<Buffer> {
  const { bytes, digest } = await readPart(...wanted)
  expect(digest).toEqual(digestPart(wanted[2].method ?? 'sha256', bytes))
  return bytes
}
