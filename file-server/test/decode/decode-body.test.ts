import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { BodyDecoder, decodeBody } from '../../src/decode/decode-body.ts'

const bytes = randomBytes(10_001)
const text = Buffer.from(bytes.toString('base64'))

async function decodePieces(encoding: 'base64' | 'binary', body: Buffer, size: number): Promise<Buffer> {
  const decoder = new BodyDecoder(encoding)
  const decoded: Buffer[] = []
  for (let at = 0; at < body.length; at += size)
    await decoder.write(body.subarray(at, at + size), async (lent) => void decoded.push(Buffer.from(lent)))
  decoder.finish()
  return Buffer.concat(decoded)
}

test('a whole body comes out as the bytes it stands for', () => {
  expect(Buffer.from(decodeBody('base64', text)).equals(bytes)).toBe(true)
  expect(decodeBody('binary', bytes)).toBe(bytes)
  expect(() => decodeBody('base64', Buffer.from('not base64'))).toThrow(
    expect.objectContaining({ name: 'INVALID_REQUEST' }),
  )
})

test.each([1, 2, 3, 5, 4_000, 20_000])('so does one that comes in pieces of %d bytes', async (size) => {
  expect((await decodePieces('base64', text, size)).equals(bytes)).toBe(true)
  expect((await decodePieces('binary', bytes, size)).equals(bytes)).toBe(true)
})

test('base64 that ends within a group is refused at its end', async () => {
  await expect(decodePieces('base64', text.subarray(0, -1), 100)).rejects.toMatchObject({ name: 'INVALID_REQUEST' })
})

test('a piece without bytes is given to nobody', async () => {
  const use = () => Promise.reject(new Error('nothing to use'))
  for (const encoding of ['base64', 'binary'] as const) await new BodyDecoder(encoding).write(Buffer.alloc(0), use)
})
