import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SentBytes } from '../../src/bodies/sent-bytes.ts'

class Body {
  isClosed = false
  readonly #chunks: readonly Uint8Array[]

  constructor(...chunks: readonly (string | Uint8Array)[]) {
    this.#chunks = chunks.map((chunk) => Buffer.from(chunk))
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      for (const chunk of this.#chunks) yield Buffer.from(chunk)
    } finally {
      this.isClosed = true
    }
  }
}

async function collect(bytes: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of bytes) chunks.push(chunk)
  return Buffer.concat(chunks)
}

test('a body up to the limit is complete and all of it is the head', async () => {
  const sent = new SentBytes(new Body('abc', 'def'))
  expect((await sent.readHead(6)).toString()).toBe('abcdef')
  expect([sent.isComplete, sent.readBytes]).toEqual([true, 6])
})

test('a body over the limit is not read further than that', async () => {
  const sent = new SentBytes(new Body('abc', 'def', 'ghi', 'jkl'))
  expect((await sent.readHead(5)).toString()).toBe('abcdef')
  expect([sent.isComplete, sent.readBytes]).toEqual([false, 6])
  expect((await collect(sent.all(async () => undefined))).toString()).toBe('abcdefghijkl')
  expect([sent.isComplete, sent.readBytes]).toEqual([true, 12])
})

test.each([
  [['QQ=='], 2],
  [['QUI='], 1],
  [['QUJD'], 0],
  [['QQ=', '='], 2],
  [['Q', 'Q', '=', '='], 2],
  [['====', 'QUJD'], 0],
  [[], 0],
])('of %j it counts %i padding characters, wherever the chunks are cut', async (chunks, expected) => {
  const sent = new SentBytes(new Body(...chunks))
  await collect(sent.all(async () => undefined))
  expect(sent.paddingCount).toBe(expected)
})

test('what is asked before the end comes after the last byte, and can call it off', async () => {
  const sent = new SentBytes(new Body('abc', 'def'))
  await sent.readHead(0)
  const seen: string[] = []
  const reading = async (): Promise<void> => {
    for await (const chunk of sent.all(async () => {
      throw new Error('the rest of the body is not right')
    }))
      seen.push(chunk.toString())
  }
  await expect(reading()).rejects.toThrow('not right')
  expect(seen.join('')).toBe('abcdef')
})

test('a body is let go, read to its end or not', async () => {
  for (const limit of [0, 100]) {
    const body = new Body('abc', 'def')
    const sent = new SentBytes(body)
    await sent.readHead(limit)
    await sent.close()
    expect(body.isClosed).toBe(true)
  }
})

test('whatever the chunks and the limit, the bytes are the same and all are counted', async () => {
  const property = fc.asyncProperty(
    fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 12 }),
    fc.nat(100),
    async (chunks, limit) => {
      const whole = Buffer.concat(chunks)
      const sent = new SentBytes(new Body(...chunks))
      const head = await sent.readHead(limit)
      expect(whole.subarray(0, head.length).equals(head)).toBe(true)
      if (sent.isComplete) expect(head.length).toBeLessThanOrEqual(limit)
      expect((await collect(sent.all(async () => undefined))).equals(whole)).toBe(true)
      expect(sent.readBytes).toBe(whole.length)
    },
  )
  await fc.assert(property, { numRuns: 200 })
})
