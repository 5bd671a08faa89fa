import fc from 'fast-check'
import { expect, test } from 'vitest'
import { contentTypeOf, SNIFF_BYTES } from '../../src/files/content-type.ts'

const png = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex')
const text = Buffer.from('plain words, ä and €\n')

test.each<[string, Buffer, string]>([
  ['a.png', text, 'image/png'],
  ['a.txt', png, 'text/plain; charset=utf-8'],
  ['a.html', text, 'text/html; charset=utf-8'],
  ['dir.txt/noending', png, 'image/png'],
  ['noending', text, 'text/plain; charset=utf-8'],
  ['noending', Buffer.from([0xc3, 0x28]), 'application/octet-stream'],
  ['noending', Buffer.from([1, 0, 2]), 'application/octet-stream'],
  ['noending', Buffer.alloc(0), 'application/octet-stream'],
  ['a.txt', Buffer.alloc(0), 'text/plain; charset=utf-8'],
  ['archive.unknown-ending', text, 'text/plain; charset=utf-8'],
])('%j with those bytes is %s', async (name, head, expected) => {
  expect(await contentTypeOf(name, head)).toBe(expected)
})

test('a head that was cut within a character is still text', async () => {
  const head = Buffer.from('€'.repeat(SNIFF_BYTES)).subarray(0, SNIFF_BYTES)
  expect(SNIFF_BYTES % 3).not.toBe(0)
  expect(await contentTypeOf('noending', head)).toBe('text/plain; charset=utf-8')
})

test('whatever the name and the bytes, it is a type that a header can carry', async () => {
  const property = fc.asyncProperty(
    fc.string({ unit: 'grapheme', maxLength: 30 }),
    fc.uint8Array({ maxLength: 200 }),
    async (name, bytes) => {
      expect(await contentTypeOf(name, Buffer.from(bytes))).toMatch(/^[\w.+-]+\/[\w.+-]+(; charset=utf-8)?$/)
    },
  )
  await fc.assert(property, { numRuns: 200 })
})
