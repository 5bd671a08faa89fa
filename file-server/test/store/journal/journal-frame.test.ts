import { randomBytes } from 'node:crypto'
import type { Slot } from '@holdfast/shared/ids'
import { array, assert, constantFrom, nat, property, tuple, uint8Array } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { newCopyId } from '../../../../shared/test/new-copy-id.ts'
import {
  encodeFrame,
  type FrameKind,
  frameBytes,
  type NewFrame,
  readFrames,
} from '../../../src/store/journal/journal-frame.ts'
import type { SegmentHeader } from '../../../src/store/journal/journal-header.ts'
import { digestOf } from '../new-copies.ts'

const header: SegmentHeader = { generation: 7, salt: Buffer.from('saltsalt') }
const START = 64

function frameOf(kind: FrameKind, sequence: number, slot: number, bytes: Uint8Array): NewFrame {
  const body = kind === 'put' ? bytes : Buffer.alloc(0)
  return { kind, sequence, copy: { copyId: newCopyId(), slot: slot as Slot, sha256: digestOf(body) }, bytes: body }
}

/** Makes a segment of groups of frames, followed by `rest`. */
function segmentOf(
  groups: readonly (readonly NewFrame[])[],
  rest: Buffer,
  by = header,
): { bytes: Buffer; ends: number[] } {
  const size = groups.flat().reduce((sum, frame) => sum + frameBytes(frame.bytes.length), START)
  const bytes = Buffer.concat([Buffer.alloc(size), rest])
  const ends: number[] = []
  let at = START
  for (const group of groups) {
    const groupOffset = at
    for (const frame of group) {
      at = encodeFrame(bytes, at, frame, by, groupOffset)
      ends.push(at)
    }
  }
  return { bytes, ends }
}
const read = (bytes: Buffer, by = header) => readFrames(bytes, by, START)
const sequences = (bytes: Buffer): number[] => read(bytes).frames.map((frame) => frame.sequence)
const seven = Array.from({ length: 7 }, (_, index) => frameOf('put', index + 1, index, randomBytes(index * 5)))

describe('readFrames', () => {
  it('gives back what was written: kind, copy, sequence and bytes, in order', () => {
    const kinds = constantFrom<FrameKind>('put', 'gone', 'settled')
    assert(
      property(array(tuple(kinds, nat(36 ** 6 - 1), uint8Array({ maxLength: 300 })), { maxLength: 20 }), (list) => {
        const frames = list.map(([kind, slot, bytes], index) => frameOf(kind, index + 1, slot, bytes))
        const { bytes } = segmentOf([frames], Buffer.alloc(500))
        const found = read(bytes)
        expect(found.isDamaged).toBe(false)
        expect(found.frames.map(({ kind, copy, sequence }) => ({ kind, copy, sequence }))).toEqual(
          frames.map(({ kind, copy, sequence }) => ({ kind, copy, sequence })),
        )
        expect(found.frames.map((frame) => frame.bytes.toString('hex'))).toEqual(
          frames.map((frame) => Buffer.from(frame.bytes).toString('hex')),
        )
      }),
    )
  })

  it.each([
    ['zeros', (length: number) => Buffer.alloc(length)],
    ['noise', (length: number) => randomBytes(length)],
    // The segment's earlier use left this at the same places.
    [
      'an older generation',
      (length: number) =>
        segmentOf([seven], Buffer.alloc(0), { ...header, salt: randomBytes(8) }).bytes.subarray(-length),
    ],
  ])('finds exactly the whole frames of a journal torn at any byte and followed by %s', (_, restOf) => {
    const { bytes, ends } = segmentOf([seven.slice(0, 3), seven.slice(3)], Buffer.alloc(0))
    for (let cut = START; cut <= bytes.length; cut++) {
      const torn = Buffer.concat([bytes.subarray(0, cut), restOf(bytes.length - cut)])
      const { frames, isDamaged } = read(torn)
      const whole = seven.filter((frame, index) => {
        const start = (ends[index] ?? 0) - frameBytes(frame.bytes.length)
        const end = start + frameBytes(0) + frame.bytes.length
        return torn.subarray(start, end).equals(bytes.subarray(start, end))
      })
      expect([frames.map((frame) => frame.sequence), isDamaged]).toEqual([whole.map((frame) => frame.sequence), false])
    }
  })

  it('ignores another generation, whether the number or the salt differs', () => {
    const { bytes } = segmentOf([seven], Buffer.alloc(64))
    expect(read(bytes, { ...header, generation: 8 }).frames).toEqual([])
    expect(read(bytes, { ...header, salt: Buffer.from('saltsalT') }).frames).toEqual([])
  })

  it('does not take bytes that look like frames for frames', () => {
    const forged = segmentOf([[frameOf('gone', 99, 3, Buffer.alloc(0))]], Buffer.alloc(0), {
      ...header,
      salt: Buffer.alloc(8),
    })
    const body = Buffer.concat([forged.bytes.subarray(START), forged.bytes.subarray(START)])
    const { bytes } = segmentOf([[frameOf('put', 1, 0, body), frameOf('put', 2, 1, body)]], body)
    bytes[START + 100] = (bytes[START + 100] ?? 0) ^ 1
    expect(sequences(bytes)).toEqual([2])
  })

  it('goes on behind a hole in the last group, which nobody was told of, and does not call it damage', () => {
    const { bytes, ends } = segmentOf([seven.slice(0, 3), seven.slice(3)], Buffer.alloc(64))
    const hole = Buffer.from(bytes)
    hole.fill(0, ends[3], ends[4])
    expect([sequences(hole), read(hole).isDamaged]).toEqual([[1, 2, 3, 4, 6, 7], false])
  })

  it('says that it is damaged where a later group proves that what is missing had been synced', () => {
    const { bytes, ends } = segmentOf([seven.slice(0, 3), seven.slice(3)], Buffer.alloc(64))
    for (let at = ends[0] ?? 0; at < (ends[0] ?? 0) + frameBytes(0) + 5; at++) {
      const rotten = Buffer.from(bytes)
      rotten[at] = (rotten[at] ?? 0) ^ 4
      expect([sequences(rotten), read(rotten).isDamaged]).toEqual([[1, 3, 4, 5, 6, 7], true])
    }
  })
})
