import { hash } from 'node:crypto'
import { expect } from 'vitest'
import { readPart } from '../../src/storage/read-part.ts'

/** Reads a part, and checks that the digest it comes with is the one of its bytes. */
export async function readBytes(...wanted: Parameters<typeof readPart>): Promise<Buffer> {
  const { bytes, sha256 } = await readPart(...wanted)
  expect(sha256).toEqual(hash('sha256', bytes, 'buffer'))
  return bytes
}
