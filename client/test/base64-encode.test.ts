import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeBase64, encodeBase64Stream } from '../src/base64-encode.ts'
import { readAll } from './stand-in-manager.ts'

async function* chunksOf(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

describe('base64', () => {
  test('equals what Node makes of the same bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1000 }), (bytes) => {
        expect(Buffer.from(encodeBase64(bytes)).toString()).toBe(Buffer.from(bytes).toString('base64'))
      }),
    )
  })

  test('is the same however the stream is cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 20 }), async (chunks) => {
        const text = (await readAll(encodeBase64Stream(chunksOf(chunks)))).toString()
        expect(text).toBe(Buffer.concat(chunks).toString('base64'))
      }),
    )
  })
})
