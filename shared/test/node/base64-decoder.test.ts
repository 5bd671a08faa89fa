import { hasErrorName } from '@holdfast/shared/errors/store-error'
import { array, assert, asyncProperty, nat, stringMatching, tuple, uint8Array } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyText } from '../../../test/any-text.ts'
import { countOf } from '../../../test/full-run.ts'
import { Base64Decoder, decodeBase64 } from '../../src/node/base64-decoder.ts'

/** The text is longer than what the decoder takes as one string. */
const LONG = 98_304

/** @returns what a piece completes */
async function write(decoder: Base64Decoder, piece: Uint8Array): Promise<Buffer> {
  let bytes = Buffer.alloc(0)
  await decoder.write(piece, async (lent) => {
    bytes = Buffer.from(lent)
  })
  return bytes
}

async function decode(pieces: readonly Uint8Array[]): Promise<Buffer> {
  const decoder = new Base64Decoder()
  const decoded: Buffer[] = []
  for (const piece of pieces) decoded.push(await write(decoder, piece))
  decoder.finish()
  return Buffer.concat(decoded)
}

const decodeAtOnce = async (text: Buffer): Promise<Buffer> => decodeBase64(text)
/** Decodes a text in one piece, both as a stream and at once. */
const bothWays = (text: Buffer) => [() => decode([text]), () => decodeAtOnce(text)]

function cut(text: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = [...cuts.map((position) => position % (text.length + 1)), text.length].sort((a, b) => a - b)
  return ends.map((end, index) => text.subarray(ends[index - 1] ?? 0, end))
}

const isCanonical = (text: string): boolean =>
  /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text) &&
  Buffer.from(text, 'base64').toString('base64') === text

async function expectSameVerdict(text: string, cuts: readonly number[]): Promise<void> {
  const input = Buffer.from(text, 'utf8')
  for (const decodeIt of [() => decode(cut(input, cuts)), () => decodeAtOnce(input)]) {
    const outcome = await decodeIt().catch((error: unknown) => error)
    if (isCanonical(text)) expect(outcome).toEqual(Buffer.from(text, 'base64'))
    else expect(hasErrorName(outcome, 'INVALID_REQUEST')).toBe(true)
  }
}

describe('Base64Decoder', () => {
  it('gives back the bytes whatever the cuts', async () => {
    await assert(
      asyncProperty(uint8Array({ maxLength: 200 }), array(nat(300), { maxLength: 10 }), async (bytes, cuts) => {
        const text = Buffer.from(Buffer.from(bytes).toString('base64'))
        expect(await decode(cut(text, cuts))).toEqual(Buffer.from(bytes))
        expect(decodeBase64(text)).toEqual(Buffer.from(bytes))
      }),
    )
  })

  it('takes and refuses what RFC 4648 section 4 does, whatever the cuts', async () => {
    const cuts = array(nat(60), { maxLength: 4 })
    await assert(asyncProperty(stringMatching(/^[A-Za-z0-9+/=\-_ ]{0,16}$/), cuts, expectSameVerdict), {
      numRuns: countOf(500, 200),
    })
    await assert(asyncProperty(stringMatching(/^([A-Z0-9+/]{4}){0,3}[A-Z]{1,3}={0,3}$/), cuts, expectSameVerdict), {
      numRuns: countOf(500, 200),
    })
    await assert(asyncProperty(anyText(), cuts, expectSameVerdict))
  })

  it('decodes a long text, cut or not', async () => {
    const bytes = Buffer.from(Array.from({ length: 150_001 }, (_, index) => (index * 7 + (index >> 8)) % 256))
    const text = Buffer.from(bytes.toString('base64'))
    expect(await decode([text])).toEqual(bytes)
    expect(decodeBase64(text)).toEqual(bytes)
    expect(await decode(cut(text, [32_767, 65_538, 100_000]))).toEqual(bytes)
  })

  it('finds a wrong character at the seams of the strings it decodes', async () => {
    for (const at of [32_764, 32_767, 32_768, 32_771, 65_535, 65_536]) {
      const text = Buffer.alloc(LONG, 'QUJD')
      text.write('=', at)
      for (const way of bothWays(text)) await expect(way()).rejects.toThrow('Invalid request')
    }
  })

  it('finds one wrong character anywhere in a long text', async () => {
    const wrong = ['\0', ' ', '\n', '-', '_', '=', '.', '\x7f', '\x80', '\xff']
    await assert(
      asyncProperty(nat(LONG - 1), nat(wrong.length - 1), async (at, index) => {
        const text = Buffer.alloc(LONG, 'QUJD')
        text.write(wrong[index] ?? '', at, 'latin1')
        // A single '=' in the last place ends the group legally.
        if (wrong[index] === '=' && at === LONG - 1) return
        for (const way of bothWays(text)) await expect(way()).rejects.toThrow('Invalid request')
      }),
    )
  })

  it.each([
    ['QQ=', 'its length is not a multiple of 4'],
    ['QQ==QQ==', 'outside the alphabet, or padding before the end'],
    ['QR==', 'the bits after its last byte are not zero'],
    ['QUF=', 'the bits after its last byte are not zero'],
    ['Q===', 'outside the alphabet, or padding before the end'],
    ['QU*J', 'outside the alphabet, or padding before the end'],
    ['QUJ-', 'the alphabet for URLs'],
    ['AAA\n', 'line break; base64 -w0'],
  ])('refuses %s with its reason', async (text, reason) => {
    const isRight = (error: unknown) =>
      error instanceof Error && 'detail' in error && String(error.detail).includes(reason)
    for (const way of bothWays(Buffer.from(text))) await expect(way()).rejects.toSatisfy(isRight)
  })

  it('refuses anything after the padding, in a later piece too', async () => {
    const decoder = new Base64Decoder()
    expect(await write(decoder, Buffer.from('QQ=='))).toEqual(Buffer.from('A'))
    await expect(write(decoder, Buffer.from('QUJD'))).rejects.toThrow('Invalid request')
  })

  it('takes nothing at all for an empty file', async () => {
    expect(await decode([])).toHaveLength(0)
    for (const way of bothWays(Buffer.alloc(0))) expect(await way()).toHaveLength(0)
  })

  it('keeps no reference to the piece it was given', async () => {
    await assert(
      asyncProperty(tuple(nat(255), nat(255), nat(255)), async (values) => {
        const text = Buffer.from(Buffer.from(values).toString('base64'))
        const decoder = new Base64Decoder()
        const piece = Buffer.from(text.subarray(0, 3))
        await write(decoder, piece)
        piece.fill(0)
        expect(await write(decoder, text.subarray(3))).toEqual(Buffer.from(values))
      }),
    )
  })

  it('lends its memory to one at a time, and takes it back when that has ended, well or not', async () => {
    const decoder = new Base64Decoder()
    let end = (): void => undefined
    const lent = decoder.write(Buffer.from('QUJD'), () => new Promise((resolve) => (end = resolve)))
    await expect(write(decoder, Buffer.from('QUJD'))).rejects.toMatchObject({ name: 'INTERNAL' })
    end()
    await lent
    const failed = decoder.write(Buffer.from('QUJD'), () => Promise.reject(new Error('no room')))
    await expect(failed).rejects.toThrow('no room')
    expect(await write(decoder, Buffer.from('QUJD'))).toEqual(Buffer.from('ABC'))
  })
})
