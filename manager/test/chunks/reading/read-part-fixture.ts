import { digestPart } from '@holdfast/shared/node/part-digest'
import { expect } from 'vitest'
import { type PartRoom, PartRooms } from '../../../src/chunks/reading/part-rooms.ts'
import { readPart } from '../../../src/chunks/reading/read-part.ts'

/** Remembers the memory that it lends. */
export class LentRooms extends PartRooms {
  readonly lent: Buffer[] = []

  override take(length: number): PartRoom {
    const room = super.take(length)
    this.lent.push(room.bytes)
    return room
  }
}

/** Reads a part, and checks that it comes with the digest of its bytes. */
export async function readBytes(...wanted: Parameters<typeof readPart>): Promise<Buffer> {
  const { bytes, digest } = await readPart(...wanted)
  expect(digest).toEqual(digestPart(wanted[2].method ?? 'sha256', bytes))
  return bytes
}
