import { StartError } from '@holdfast/shared/node/run-service'
import { describe, expect, it } from 'vitest'
import { decodeHeader, encodeHeader, SEGMENT_START } from '../../../src/store/journal/journal-header.ts'

const older = { generation: 4, salt: Buffer.from('saltsalt') }
const newer = { generation: 6, salt: Buffer.from('othersal') }

function segmentWith(...headers: { bytes: Buffer; position: number }[]): Buffer {
  const segment = Buffer.alloc(SEGMENT_START)
  for (const { bytes, position } of headers) bytes.copy(segment, position)
  return segment
}

describe('a header', () => {
  it('is the newer one of two, wherever that is', () => {
    expect(decodeHeader(segmentWith(encodeHeader(older, 0), encodeHeader(newer, 1)), 'a')).toEqual({
      ...newer,
      copy: 1,
    })
    expect(decodeHeader(segmentWith(encodeHeader(newer, 0), encodeHeader(older, 1)), 'a')).toEqual({
      ...newer,
      copy: 0,
    })
  })

  it('that was torn at any byte leaves the other one', () => {
    const whole = encodeHeader(newer, 1)
    for (let cut = 0; cut < 36; cut++) {
      const torn = { ...whole, bytes: whole.bytes.subarray(0, cut) }
      expect(decodeHeader(segmentWith(encodeHeader(older, 0), torn), 'a').generation).toBe(older.generation)
    }
  })

  it('of a format that is not known ends the start in a sentence', () => {
    const future = encodeHeader(newer, 0)
    future.bytes.writeUInt32BE(3, 8)
    const decode = () => decodeHeader(segmentWith(encodeHeader(older, 1), future), 'data/journal/a.segment')
    expect(decode).toThrow(StartError)
    expect(decode).toThrow('data/journal/a.segment says format 3, and this version reads format 2')
  })

  it('that is missing in both places ends the start too', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(SEGMENT_START)])
      expect(() => decodeHeader(bytes, 'a')).toThrow('a is damaged: move it away to start without what it holds')
  })
})
