import fc from 'fast-check'
import { expect, test } from 'vitest'
import { IncomingBytes } from '../../src/bodies/incoming-bytes.ts'

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
  const incoming = new IncomingBytes('binary', new Body('abc', 'def'))
  await incoming.readHead(6)
  expect(incoming.head.toString()).toBe('abcdef')
  expect([incoming.isComplete, incoming.readBytes]).toEqual([true, 6])
})

test('a body over the limit is not read further than that', async () => {
  const incoming = new IncomingBytes('binary', new Body('abc', 'def', 'ghi', 'jkl'))
  await incoming.readHead(5)
  expect(incoming.head.toString()).toBe('abcdef')
  expect([incoming.isComplete, incoming.readBytes]).toEqual([false, 6])
  expect((await collect(incoming.all(async () => undefined))).toString()).toBe('abcdefghijkl')
  expect([incoming.isComplete, incoming.readBytes]).toEqual([true, 12])
})

test.each([
  [['QQ=='], 1],
  [['QUI='], 2],
  [['QUJD'], 3],
  [['QQ=', '='], 1],
  [['Q', 'Q', '=', '='], 1],
  [['====', 'QUJD'], 6],
  [[], 0],
])('of the base64 %j it says that the file has %i bytes, wherever the chunks are cut', async (chunks, expected) => {
  const incoming = new IncomingBytes('base64', new Body(...chunks))
  await collect(incoming.all(async () => undefined))
  expect(incoming.measure()).toBe(expected)
  expect(IncomingBytes.whole('base64', Buffer.from(chunks.join(''))).measure()).toBe(expected)
})

test('base64 whose length is no multiple of 4 is refused when it is measured', () => {
  expect(() => IncomingBytes.whole('base64', Buffer.from('QUJDR')).measure()).toThrow('Invalid request')
  expect(IncomingBytes.whole('binary', Buffer.from('QUJDR')).measure()).toBe(5)
})

test('the first bytes are those of the file, whatever the encoding', async () => {
  const file = Buffer.from('what a file begins with')
  for (const [encoding, text] of [
    ['binary', file],
    ['base64', Buffer.from(file.toString('base64'))],
  ] as const) {
    const whole = IncomingBytes.whole(encoding, text)
    const passing = new IncomingBytes(encoding, new Body(text.subarray(0, 9), text.subarray(9)))
    await passing.readHead(5)
    for (const length of [0, 1, 5, 6]) {
      expect(whole.firstBytes(length).toString()).toBe(file.toString('utf8', 0, length))
      expect(passing.firstBytes(length).toString()).toBe(file.toString('utf8', 0, length))
    }
    expect(whole.firstBytes(1_000).equals(file)).toBe(true)
  }
})

test('what is asked before the end comes after the last byte, and can call it off', async () => {
  const incoming = new IncomingBytes('binary', new Body('abc', 'def'))
  await incoming.readHead(0)
  const seen: string[] = []
  const reading = async (): Promise<void> => {
    for await (const chunk of incoming.all(async () => {
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
    const incoming = new IncomingBytes('binary', body)
    await incoming.readHead(limit)
    await incoming.close()
    expect(body.isClosed).toBe(true)
  }
})

test('whatever the chunks and the limit, the bytes are the same and all are counted', async () => {
  const property = fc.asyncProperty(
    fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 12 }),
    fc.nat(100),
    async (chunks, limit) => {
      const whole = Buffer.concat(chunks)
      const incoming = new IncomingBytes('binary', new Body(...chunks))
      await incoming.readHead(limit)
      const { head } = incoming
      expect(whole.subarray(0, head.length).equals(head)).toBe(true)
      if (incoming.isComplete) expect(head.length).toBeLessThanOrEqual(limit)
      expect((await collect(incoming.all(async () => undefined))).equals(whole)).toBe(true)
      expect(incoming.readBytes).toBe(whole.length)
    },
  )
  await fc.assert(property, { numRuns: 200 })
})
