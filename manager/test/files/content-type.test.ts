import fc from 'fast-check'
import { expect, test } from 'vitest'
import { contentTypeOf } from '../../src/files/content-type.ts'

const typeOf = (name: string, bytes: Buffer) => contentTypeOf(name, (length) => bytes.subarray(0, length))

const png = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex')
const text = Buffer.from('plain words, ä and €\n')

test.each<[string, Buffer, string]>([
  ['a.png', text, 'image/png'],
  ['a.txt', png, 'text/plain'],
  ['a.html', text, 'text/html; charset=utf-8'],
  ['dir.txt/noending', png, 'image/png'],
  ['noending', text, 'text/plain; charset=utf-8'],
  ['noending', Buffer.from([0xc3, 0x28]), 'application/octet-stream'],
  ['noending', Buffer.from([1, 0, 2]), 'application/octet-stream'],
  ['noending', Buffer.alloc(0), 'application/octet-stream'],
  ['a.txt', Buffer.alloc(0), 'text/plain; charset=utf-8'],
  ['archive.unknown-ending', text, 'text/plain; charset=utf-8'],
])('%j with those bytes is %s', async (name, head, expected) => {
  expect(await typeOf(name, head)).toBe(expected)
})

const latin1 = Buffer.from('gr\u00fcn, \u00e4hnlich\n', 'latin1')

test.each<[string, Buffer, string]>([
  ['notes.txt', latin1, 'text/plain'],
  ['table.csv', latin1, 'text/csv'],
  ['page.html', latin1, 'text/html'],
  ['notes.txt', Buffer.from('caf\u00e9', 'latin1'), 'text/plain'],
  ['notes.txt', Buffer.from('\u20ac').subarray(0, 2), 'text/plain'],
  ['noending', Buffer.from('caf\u00e9', 'latin1'), 'application/octet-stream'],
  ['notes.txt', Buffer.from('\ufeffwords', 'utf16le'), 'text/plain'],
  ['noending', Buffer.from('\ufeffwords', 'utf16le'), 'text/plain'],
  ['noending', Buffer.from('\ufeffwords', 'utf16le').swap16(), 'text/plain'],
  ['notes.txt', Buffer.from('words', 'utf16le'), 'text/plain'],
  ['notes.txt', Buffer.concat([Buffer.alloc(60_000, 'a'), latin1]), 'text/plain'],
  ['noending', Buffer.concat([Buffer.alloc(60_000, 'a'), latin1]), 'text/plain'],
  ['notes.txt', Buffer.from('\u00e4'.repeat(40_000)), 'text/plain; charset=utf-8'],
  ['notes.txt', Buffer.concat([Buffer.from('a'), Buffer.from('\u20ac'.repeat(40_000))]), 'text/plain; charset=utf-8'],
])('UTF-8 is claimed only of what is UTF-8: %j, case %#', async (name, bytes, expected) => {
  expect(await typeOf(name, bytes)).toBe(expected)
})

test.each([0, 1, 2, 3])(
  'text is text wherever it is cut: %i bytes before its first character of three',
  async (before) => {
    const long = Buffer.concat([Buffer.alloc(before, 'a'), Buffer.from('€'.repeat(4_000))])
    expect(await typeOf('noending', long)).toBe('text/plain; charset=utf-8')
  },
)

test('what begins as text and goes on otherwise is not text', async () => {
  const late = Buffer.concat([Buffer.alloc(1_000, 'a'), Buffer.from([0xff, 0xfe]), Buffer.alloc(1_000, 'a')])
  expect(await typeOf('noending', late)).toBe('application/octet-stream')
})

test('a signature that stands far behind the beginning is found', async () => {
  const tar = Buffer.alloc(10_240)
  tar.write('hello.txt', 0)
  tar.write('0000644', 100)
  tar.write('00000000000', 124)
  tar.write('        0', 148)
  tar.write('ustar', 257)
  tar.write('00', 263)
  const checksum = tar.subarray(0, 512).reduce((sum, byte) => sum + byte, 0)
  // The type flag stands behind the checksum and is none of its blanks.
  tar.write(`${checksum.toString(8).padStart(6, '0')}\0 0`, 148)
  expect(await typeOf('noending', tar)).toBe('application/x-tar')
})

test('whatever the name and the bytes, it is a type that a header can carry', async () => {
  const property = fc.asyncProperty(
    fc.string({ unit: 'grapheme', maxLength: 30 }),
    fc.uint8Array({ maxLength: 200 }),
    async (name, bytes) => {
      expect(await typeOf(name, Buffer.from(bytes))).toMatch(/^[\w.+-]+\/[\w.+-]+(; charset=utf-8)?$/)
    },
  )
  await fc.assert(property, { numRuns: 200 })
})
