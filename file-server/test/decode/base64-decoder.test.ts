import { hasErrorName } from '@holdfast/shared/errors/store-error'
import { array, assert, nat, property, string, stringMatching, tuple, uint8Array } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countOf } from '../../../test/full-run.ts'
import { Base64Decoder, decodeBase64 } from '../../src/decode/base64-decoder.ts'

/** More than the decoder takes as one string. */
const LONG = 98_304

function decode(pieces: readonly Uint8Array[]): Buffer {
  const decoder = new Base64Decoder()
  const bytes = Buffer.concat(pieces.map((piece) => Buffer.from(decoder.write(piece))))
  decoder.finish()
  return bytes
}

/** In one piece, by either way. */
const bothWays = (text: Buffer) => [() => decode([text]), () => decodeBase64(text)]

function cut(text: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = [...cuts.map((position) => position % (text.length + 1)), text.length].sort((a, b) => a - b)
  return ends.map((end, index) => text.subarray(ends[index - 1] ?? 0, end))
}

const isCanonical = (text: string): boolean =>
  /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text) &&
  Buffer.from(text, 'base64').toString('base64') === text

function expectSameVerdict(text: string, cuts: readonly number[]): void {
  const input = Buffer.from(text, 'utf8')
  for (const decodeIt of [() => decode(cut(input, cuts)), () => decodeBase64(input)]) {
    if (isCanonical(text)) expect(decodeIt()).toEqual(Buffer.from(text, 'base64'))
    else expect(decodeIt).toThrow(expect.toSatisfy((error) => hasErrorName(error, 'INVALID_REQUEST')))
  }
}

describe('Base64Decoder', () => {
  it('gives back the bytes whatever the cuts', () => {
    assert(
      property(uint8Array({ maxLength: 200 }), array(nat(300), { maxLength: 10 }), (bytes, cuts) => {
        const text = Buffer.from(Buffer.from(bytes).toString('base64'))
        expect(decode(cut(text, cuts))).toEqual(Buffer.from(bytes))
        expect(decodeBase64(text)).toEqual(Buffer.from(bytes))
      }),
    )
  })

  it('takes and refuses what RFC 4648 section 4 does, whatever the cuts', () => {
    const cuts = array(nat(60), { maxLength: 4 })
    assert(property(stringMatching(/^[A-Za-z0-9+/=\-_ ]{0,16}$/), cuts, expectSameVerdict), {
      numRuns: countOf(500, 200),
    })
    assert(property(stringMatching(/^([A-Z0-9+/]{4}){0,3}[A-Z]{1,3}={0,3}$/), cuts, expectSameVerdict), {
      numRuns: countOf(500, 200),
    })
    assert(property(string({ unit: 'binary' }), cuts, expectSameVerdict))
  })

  it('decodes a long text, cut or not', () => {
    const bytes = Buffer.from(Array.from({ length: 150_001 }, (_, index) => (index * 7 + (index >> 8)) % 256))
    const text = Buffer.from(bytes.toString('base64'))
    expect(decode([text])).toEqual(bytes)
    expect(decodeBase64(text)).toEqual(bytes)
    expect(decode(cut(text, [32_767, 65_538, 100_000]))).toEqual(bytes)
  })

  it('finds a wrong character at the seams of the strings it decodes', () => {
    for (const at of [32_764, 32_767, 32_768, 32_771, 65_535, 65_536]) {
      const text = Buffer.alloc(LONG, 'QUJD')
      text.write('=', at)
      for (const way of bothWays(text)) expect(way).toThrow('Invalid request')
    }
  })

  it('finds one wrong character anywhere in a long text', () => {
    const wrong = ['\0', ' ', '\n', '-', '_', '=', '.', '\x7f', '\x80', '\xff']
    assert(
      property(nat(LONG - 1), nat(wrong.length - 1), (at, index) => {
        const text = Buffer.alloc(LONG, 'QUJD')
        text.write(wrong[index] ?? '', at, 'latin1')
        // A single '=' in the last place is a legal ending of the group.
        if (wrong[index] === '=' && at === LONG - 1) return
        for (const way of bothWays(text)) expect(way).toThrow('Invalid request')
      }),
    )
  })

  it.each([
    ['QQ=', 'its length is not a multiple of 4'],
    ['QQ==QQ==', 'outside the alphabet, or padding before the end'],
    ['QR==', 'the bits after its last byte are not zero'],
    ['QUF=', 'the bits after its last byte are not zero'],
    ['Q===', 'outside the alphabet, or padding before the end'],
    ['QUJ-', 'outside the alphabet, or padding before the end'],
  ])('refuses %s with its reason', (text, reason) => {
    const isRight = (error: unknown) =>
      error instanceof Error && 'detail' in error && String(error.detail).includes(reason)
    for (const way of bothWays(Buffer.from(text))) expect(way).toThrow(expect.toSatisfy(isRight))
  })

  it('refuses anything after the padding, in a later piece too', () => {
    const decoder = new Base64Decoder()
    expect(decoder.write(Buffer.from('QQ=='))).toEqual(Buffer.from('A'))
    expect(() => decoder.write(Buffer.from('QUJD'))).toThrow('Invalid request')
  })

  it('takes nothing at all for an empty file', () => {
    expect(decode([])).toHaveLength(0)
    for (const way of bothWays(Buffer.alloc(0))) expect(way()).toHaveLength(0)
  })

  it('keeps no reference to the piece it was given', () => {
    assert(
      property(tuple(nat(255), nat(255), nat(255)), (values) => {
        const text = Buffer.from(Buffer.from(values).toString('base64'))
        const decoder = new Base64Decoder()
        const piece = Buffer.from(text.subarray(0, 3))
        decoder.write(piece)
        piece.fill(0)
        expect(decoder.write(text.subarray(3))).toEqual(Buffer.from(values))
      }),
    )
  })
})
