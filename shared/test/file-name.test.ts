import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { decodeFileNamePath, encodeFileNamePath, type FileName, parseFileName } from '@holdfast/shared/file-name'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const refusal = { name: 'INVALID_REQUEST' }

test.each([
  ...['a', ' ', '...', '../../etc/passwd', '..\\..\\x', '/abs', '//', 'a//b', 'a/', '~root', '$HOME', '%2e%2e%2f'],
  ...[
    'CON',
    'nul.txt',
    'COM1',
    '-rf',
    '.hidden',
    'trailing.',
    'trailing ',
    ' leading',
    'a:b',
    'a*b?c',
    '<script>',
    '"quoted"',
  ],
  ...[
    "'; drop table files; --",
    '$where',
    '__proto__',
    'constructor',
    '{"$ne":1}',
    '#{x}',
    '`id`',
    '|',
    '\\',
    '\\0',
    '%00',
  ],
  ...[
    '\u4e2d\u6587.txt',
    '\u0645\u0644\u0641',
    '\u05e9\u05dc\u05d5\u05dd',
    '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}',
    '\u{1f3f4}\u{e0067}\u{e007f}',
    '\u0e01\u0e33',
  ],
  ...['\uff0e\uff0e\uff0f', '\u2044', '\u00a0', '\u200b', '\u2024', '\ufffd', '\uffff', '\u{10ffff}', 'na\u00efve'],
  ...['a'.repeat(255), '\u00e9'.repeat(127), '\u4e2d'.repeat(85), '\u{1f600}'.repeat(63), 'e\u0301'.repeat(85)],
])('takes the name %j, in NFC', (name) => {
  expect(parseFileName(name)).toBe(name.normalize('NFC'))
})

test.each([
  ['nothing', ''],
  ['a dot, which no URL can carry', '.'],
  ['two dots', '..'],
  ['NUL', 'a\0b'],
  ['a line break', 'a\nb'],
  ['CR and LF', 'a\r\nSet-Cookie: x'],
  ['a tab', '\t'],
  ['an escape sequence', '\u001b[31m'],
  ['DEL', '\u007f'],
  ['NEL', '\u0085'],
  ['the last C1 control', '\u009f'],
  ['a line separator', '\u2028'],
  ['a paragraph separator', '\u2029'],
  ['a byte order mark', '\ufeffa'],
  ['a left-to-right mark', '\u200e'],
  ['a right-to-left mark', '\u200f'],
  ['an Arabic letter mark', '\u061c'],
  ['each of the embeddings and overrides', 'a\u202egpj.exe'],
  ['a left-to-right embedding', '\u202a'],
  ['a pop directional formatting', '\u202c'],
  ['an isolate', '\u2066'],
  ['a pop directional isolate', '\u2069'],
  ['a lone high surrogate', 'a\ud800'],
  ['a lone low surrogate', '\udc00b'],
  ['surrogates in the wrong order', '\udc00\ud800'],
  ['256 bytes', 'a'.repeat(256)],
  ['256 bytes of two each', '\u00e9'.repeat(128)],
  ['258 bytes of CJK', '\u4e2d'.repeat(86)],
  ['256 bytes of emoji', '\u{1f600}'.repeat(64)],
  ['more than 255 bytes before normalisation only', 'e\u0301'.repeat(86)],
  ['more than 255 bytes after normalisation only', '\u0958'.repeat(80)],
  ['a million characters', 'a'.repeat(1_000_000)],
])('refuses a name of %s', (_, name) => {
  expect(() => parseFileName(name)).toThrow(expect.objectContaining(refusal))
})

test.each([[undefined], [null], [7], [['a']], [{ $ne: 'a' }], [{ toString: () => 'a' }]])(
  'refuses %j as a name',
  (value) => {
    expect(() => parseFileName(value)).toThrow(expect.objectContaining(refusal))
  },
)

test('makes one name of all spellings of the same text', () => {
  expect(parseFileName('Å')).toBe(parseFileName('A\u030a'))
  expect(parseFileName('\u212b')).toBe(parseFileName('Å'))
})

test.each([
  ['a', 'a'],
  ['a/b', 'a/b'],
  ['a%2Fb', 'a/b'],
  ['a%2fb', 'a/b'],
  ['%2E%2E%2Fa', '../a'],
  ['a%20b+c', 'a b+c'],
  ['%C3%BC', '\u00fc'],
  ['%c3%bc', '\u00fc'],
  ['\u00c3\u00bc', '\u00fc'],
  ['e%CC%81', '\u00e9'],
  ['%252F', '%2F'],
  ['a//b/', 'a//b/'],
  ['/a', '/a'],
  ['a%3Fb%23', 'a?b#'],
])('reads the path %s as the name %s', (path, name) => {
  expect(decodeFileNamePath(path)).toBe(name)
})

test.each([
  ...[
    '',
    '%',
    '%2',
    '%zz',
    'a%',
    '%C3',
    '%ff',
    '%c0%af',
    '%ed%a0%80',
    '%f4%90%80%80',
    '\u00fc',
    '\u00ff',
    '%00',
    '%0d%0a',
    '%E2%80%AE',
  ],
  ...['.', '..', '%2E', '%2e.', 'a'.repeat(256), '%u0041', '\ud800', '%EF%BB%BFa'],
])('refuses the path %j', (path) => {
  expect(() => decodeFileNamePath(path)).toThrow(expect.objectContaining(refusal))
})

const names = fc
  .oneof(
    fc.string({ unit: 'grapheme', maxLength: 30 }),
    fc
      .array(fc.constantFrom('.', '..', '/', 'a', '%', '%2e', '?', '#', '\\', ' ', '+', '\u00e9', ':'), {
        maxLength: 8,
      })
      .map((parts) => parts.join('')),
  )
  .filter((text) => {
    try {
      return parseFileName(text) === text
    } catch {
      return false
    }
  })

test('writes a path that a URL parser leaves alone and that means the same name', () => {
  const property = fc.property(names, (name) => {
    const path = encodeFileNamePath(name as FileName)
    const url = new URL(`http://127.0.0.1:8000/file/${path}`)
    expect(url.pathname).toBe(`/file/${path}`)
    expect(`${url.search}${url.hash}`).toBe('')
    expect(decodeFileNamePath(path)).toBe(name)
  })
  fc.assert(property, { numRuns: 2_000 })
})

test.each([
  ['a/b c', 'a/b%20c'],
  ['a/../b', 'a%2F..%2Fb'],
  ['./a', '.%2Fa'],
  ['a/..', 'a%2F..'],
  ['a/...', 'a/...'],
  ['..a/b', '..a/b'],
])('writes the name %s as the path %s', (name, path) => {
  expect(encodeFileNamePath(name as FileName)).toBe(path)
})

test('. and .. are no names because a URL parser resolves them however they are escaped', () => {
  for (const path of ['..', '%2E%2E', '.%2e']) expect(new URL(`http://h/file/${path}`).pathname).toBe('/')
  for (const path of ['.', '%2E']) expect(new URL(`http://h/file/${path}`).pathname).toBe('/file/')
})

test('reads what curl and fetch send over a real connection', async () => {
  const server = createServer((request, response) => response.end(decodeFileNamePath(request.url?.slice(6) ?? '')))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file/`
  try {
    const curl = async (path: string) => (await run('curl', ['-sS', '-m', '5', '--path-as-is', base + path])).stdout
    expect(await curl('\u00fc/\u4e2d')).toBe('\u00fc/\u4e2d')
    expect(await curl('%C3%BC%2F..')).toBe('\u00fc/..')
    expect(await curl('../x')).toBe('../x')
    expect(await (await fetch(`${base}\u00fc/\u4e2d`)).text()).toBe('\u00fc/\u4e2d')
    expect(await (await fetch(base + encodeFileNamePath('a/../\u00fc?#%' as FileName))).text()).toBe('a/../\u00fc?#%')
  } finally {
    server.closeAllConnections()
    server.close()
  }
})
