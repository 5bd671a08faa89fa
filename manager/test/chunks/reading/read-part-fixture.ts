import { digestPart } from '@holdfast/shared/node/part-digest'
import { expect } from 'vitest'
import { readPart } from '../../../src/chunks/reading/read-part.ts'

/** Reads a part, and checks that it comes with the digest of its bytes. */
export async function readBytes(...wanted: Parameters<typeof readPart>): Promise<Buffer> {
  const { bytes, digest } = await readPart(...wanted)
  expect(digest).toEqual(digestPart(wanted[2].method ?? 'sha256', bytes))
  return bytes
}
