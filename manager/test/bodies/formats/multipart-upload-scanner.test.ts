import { parseFileName } from '@holdfast/shared/file-name'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { BodyEvent } from '../../../src/bodies/formats/body-scanner.ts'
import { MAX_FILES, MultipartUploadScanner } from '../../../src/bodies/formats/multipart-upload-scanner.ts'
import { cut, everyByte, fileName } from '../scan.ts'

const contentType = 'multipart/form-data; boundary=----border'
const part = (disposition: string, content: string, headers = '') =>
  `------border\r\nContent-Disposition: form-data; ${disposition}\r\n${headers}\r\n${content}\r\n`
const body = (...parts: string[]) => Buffer.from(`${parts.join('')}------border--\r\n`, 'latin1')
const file = (name: string, content: string, field = 'file') => part(`name="${field}"; filename="${name}"`, content)
const text = (field: string, content: string) => part(`name="${field}"`, content)

interface Scan {
  readonly files: string[]
  readonly options: Record<string, string>
}

/** Says of every file its name, encoding and bytes, or with what error the scan ended. */
function scanAll(pieces: readonly Buffer[], { maxFileBytes = 1_000_000, firstName = '' } = {}): Scan | string {
  const scanner = new MultipartUploadScanner(
    contentType,
    maxFileBytes,
    firstName === '' ? null : parseFileName(firstName),
  )
  try {
    const events = [...pieces.flatMap((piece) => [...scanner.push(piece)]), ...scanner.end()]
    return { files: filesIn(events), options: Object.fromEntries(scanner.options) }
  } catch (error) {
    return `${(error as Error).name}: ${(error as { detail?: string }).detail ?? ''}`
  }
}

function filesIn(events: readonly BodyEvent[]): string[] {
  const files: { name: string; encoding: string; content: string; isOver: boolean }[] = []
  let name = ''
  for (const event of events) {
    const last = files.at(-1)
    if (event.kind === 'name') name = event.name
    if (event.kind === 'file') {
      expect(last?.isOver ?? true).toBe(true)
      files.push({ name, encoding: event.encoding, content: '', isOver: false })
      name = ''
    }
    if (event.kind === 'bytes' && last !== undefined) last.content += event.bytes.toString('latin1')
    if (event.kind === 'file-end' && last !== undefined) last.isOver = true
  }
  const last = files.at(-1)
  if (name !== '' && last !== undefined) last.name = name
  return files.map(({ name, encoding, content }) => `${name} ${encoding} ${content}`)
}

const scanParts = (...parts: string[]) => scanAll(everyByte(body(...parts)))

test.each<[string, string[], string[], Record<string, string>]>([
  ['one file', [file('a', 'AB')], ['a binary AB'], {}],
  [
    'several of one field',
    [file('a', 'A'), file('b', ''), file('a', 'C')],
    ['a binary A', 'b binary ', 'a binary C'],
    {},
  ],
  ['files of any field', [file('a', 'A', 'x'), part('filename="b"', 'B')], ['a binary A', 'b binary B'], {}],
  ['a path', [file('dir/a', 'A'), file('C:\\x\\b', 'B')], ['a binary A', 'b binary B'], {}],
  ['a name before', [text('filename', 'dir/n'), file('a', 'A'), file('b', 'B')], ['dir/n binary A', 'b binary B'], {}],
  [
    'a name before each',
    [text('filename', 'm'), file('a', 'A'), text('filename', 'n'), file('b', 'B')],
    ['m binary A', 'n binary B'],
    {},
  ],
  ['a name after the last', [file('a', 'A'), file('b', 'B'), text('filename', 'n')], ['a binary A', 'n binary B'], {}],
  ['base64', [text('filename', 'n'), text('file', 'QUJD')], ['n base64 QUJD'], {}],
  ['base64 before its name', [text('file', 'QUJD'), text('filename', 'n')], ['n base64 QUJD'], {}],
  [
    'base64 and a file',
    [text('filename', 'n'), text('file', 'QUJD'), file('b', 'B')],
    ['n base64 QUJD', 'b binary B'],
    {},
  ],
  ['an own filename that is none, with a name', [file('a\x01', 'A'), text('filename', 'n')], ['n binary A'], {}],
  ['an empty input', [file('', ''), file('a', 'A'), file('', '')], ['a binary A'], {}],
  ['an empty input with a name and a byte', [text('filename', 'n'), file('', 'x')], ['n binary x'], {}],
  ['options', [text('expires', '7d'), text('other', 'x'), file('a', 'A')], ['a binary A'], { expires: '7d' }],
  ['other fields after', [file('a', 'A'), text('submit', 'Go')], ['a binary A'], {}],
])('finds %s', (_, parts, files, options) => {
  expect(scanParts(...parts)).toEqual({ files, options })
})

test.each([
  ['no part', [], 'the form has no file'],
  ['no file', [text('expires', '7d')], 'the form has no file'],
  ['only an empty input', [file('', '')], 'the form has no file'],
  ['an empty filename with bytes', [file('', 'x')], 'filename must not be empty'],
  ['a path that ends in a slash', [file('dir/', 'x')], 'filename must not be empty'],
  ['base64 without a name', [text('file', 'QUJD')], 'filename is missing'],
  [
    'base64 whose name comes after another file',
    [text('file', 'QUJD'), file('b', 'B'), text('filename', 'n')],
    'filename is missing',
  ],
  [
    'a bad filename before another file',
    [file('..', 'A'), file('b', 'B')],
    'filename must not be . or .., which fit into no URL',
  ],
  [
    'two names for a file',
    [text('filename', 'm'), text('filename', 'n'), file('a', 'A')],
    'filename is given twice for one file',
  ],
  [
    'a name before and after',
    [text('filename', 'm'), file('a', 'A'), text('filename', 'n')],
    'a filename names no file',
  ],
  ['a late option', [file('a', 'A'), text('expires', '7d')], 'expires must come before the first file'],
  ['an option twice', [text('expires', '1d'), text('expires', '2d'), file('a', 'A')], 'expires is given twice'],
  ['a long option', [text('expires', 'x'.repeat(65)), file('a', 'A')], 'expires must have at most 64 bytes'],
  [
    'broken base64',
    [text('filename', 'n'), text('file', 'QUJ')],
    'file is not base64, in one line: base64 -w0 writes it so',
  ],
  [
    'much beside the file',
    [file('a', 'A'), text('x', 'x'.repeat(100_000))],
    'the body holds too much beside the files',
  ],
])('refuses %s', (_, parts, detail) => {
  expect(scanParts(...parts)).toBe(`INVALID_REQUEST: ${detail}`)
})

test('refuses a part in another encoding', () => {
  const encoded = part('name="file"; filename="a"', 'QUJD', 'Content-Transfer-Encoding: base64\r\n')
  expect(scanParts(encoded)).toMatch(/^UNSUPPORTED_MEDIA/)
})

test('holds each file to the limit, not all of them together', () => {
  const options = { maxFileBytes: 3 }
  expect(scanAll([body(file('a', 'AAA'), file('b', 'BBB'))], options)).toMatchObject({ files: { length: 2 } })
  expect(scanAll([body(file('a', 'A'), file('b', 'BBBB'))], options)).toBe('TOO_LARGE: ')
  expect(scanAll([body(text('filename', 'n'), text('file', 'QUJDRA=='))], options)).toBe('TOO_LARGE: ')
})

test('takes a first name from elsewhere as it does from a field', () => {
  const options = { firstName: 'n' }
  expect(scanAll([body(file('a', 'A'), file('b', 'B'))], options)).toMatchObject({
    files: ['n binary A', 'b binary B'],
  })
  expect(scanAll([body(text('filename', 'm'), file('a', 'A'))], options)).toMatch(/given twice/)
})

test('takes 1,000 files, and not one more', () => {
  const parts = Array.from({ length: MAX_FILES }, (_, index) => file(`file ${index}`, 'x'))
  expect(scanAll([body(...parts)])).toMatchObject({ files: { length: MAX_FILES } })
  expect(scanAll([body(...parts, file('last', ''))])).toBe('INVALID_REQUEST: a body must have at most 1000 files')
})

test('a body cut anywhere is refused, and finds the same at any cut', () => {
  const whole = body(text('expires', '1d'), file('a', 'A\r\n------borde'), text('filename', 'n'), file('', 'B'))
  const expected = { files: ['a binary A\r\n------borde', 'n binary B'], options: { expires: '1d' } }
  fc.assert(
    fc.property(fc.array(fc.nat()), (places) => {
      expect(scanAll(cut(whole, places))).toEqual(expected)
    }),
  )
  for (let length = 0; length < whole.length - 4; length++)
    expect(scanAll([whole.subarray(0, length)])).toMatch(/^INVALID_REQUEST/)
})

test('gives back any names and contents', () => {
  const entry = fc.tuple(fileName, fc.string({ unit: 'grapheme-ascii' }))
  fc.assert(
    fc.property(fc.array(entry, { minLength: 1, maxLength: 5 }), fc.array(fc.nat()), (entries, places) => {
      const parts = entries.flatMap(([name, content]) => [
        text('filename', Buffer.from(name).toString('latin1')),
        file('x', content),
      ])
      const expected = entries.map(([name, content]) => `${parseFileName(name)} binary ${content}`)
      expect(scanAll(cut(body(...parts), places))).toEqual({ files: expected, options: {} })
    }),
  )
})
