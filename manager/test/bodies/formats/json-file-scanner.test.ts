import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countOf } from '../../../../test/full-run.ts'
import { JsonFileScanner } from '../../../src/bodies/formats/json-file-scanner.ts'
import { cut, everyByte, failureOf, fileName, scan } from '../scan.ts'

const scanJson = (text: string | Buffer, maxFileBytes = 1_000_000) => {
  const body = Buffer.from(text)
  return scan(new JsonFileScanner(maxFileBytes), everyByte(body))
}
const aGoodFile = '"file":"QUJD"'

test.each([
  ['the file first', '{"file":"QUJD","filename":"a"}'],
  ['the name first', '{"filename":"a","file":"QUJD"}'],
  ['white space everywhere', ' \n{\t"file" :\r\n "QUJD" , "filename" : "a" } \n'],
  ['escaped keys', String.raw`{"\u0066ile":"QUJD","f\u0069lename":"a"}`],
  ['an escaped file', String.raw`{"file":"\u0051UJ\u0044","filename":"\u0061"}`],
  ['a byte order mark', '\ufeff{"file":"QUJD","filename":"a"}'],
  ['keys of Object.prototype', '{"__proto__":{"filename":7},"constructor":[],"file":"QUJD","filename":"a"}'],
  ['other keys of any value', '{"x":{"file":[1,{"filename":null}]},"file":"QUJD","y":"}\\"","filename":"a","z":1e3}'],
  ['an empty key', '{"":0,"file":"QUJD","filename":"a"}'],
  ['nesting at the limit', `{"x":${'['.repeat(31)}${']'.repeat(31)},"file":"QUJD","filename":"a"}`],
])('reads a body with %s', async (_, body) => {
  const scanned = await scanJson(body)
  expect(scanned).toEqual({ name: 'a', encoding: 'base64', bytes: Buffer.from('QUJD') })
})

test('takes an empty string for an empty file', async () => {
  expect((await scanJson('{"file":"","filename":"a"}')).bytes).toEqual(Buffer.alloc(0))
})

test('understands an escaped slash, as PHP writes it', async () => {
  expect((await scanJson(String.raw`{"file":"\/\/\/\/","filename":"a"}`)).bytes.toString()).toBe('////')
})

test('tells the name before the file where it came first, and stores it in NFC', () => {
  const events = new JsonFileScanner(10).push(Buffer.from('{"filename":"e\u0301","file":"'))
  expect(events).toEqual([
    { kind: 'name', name: '\u00e9' },
    { kind: 'file', encoding: 'base64' },
  ])
})

test('passes a span without escapes on as a slice of the chunk it came in', () => {
  const scanner = new JsonFileScanner(1_000_000)
  scanner.push(Buffer.from('{"file":"'))
  const chunk = Buffer.alloc(65_536, 'A')
  const [event] = scanner.push(chunk)
  expect(event?.kind === 'bytes' && event.bytes.buffer === chunk.buffer).toBe(true)
})

test.each([
  ['an escaped line break', String.raw`{"filename":"a","file":"AAAA\nAAA"}`],
  ['a line break as it is', '{"filename":"a","file":"AAAA\nAAAA"}'],
])('says of %s in the file that base64 goes in one line', async (_, body) => {
  await expect(scanJson(body)).rejects.toMatchObject({ detail: expect.stringContaining('in one line: base64 -w0') })
})

test.each([
  ['nothing', ''],
  ['only white space', '  \n'],
  ['an array', `[{${aGoodFile},"filename":"a"}]`],
  ['a string', '"file"'],
  ['null', 'null'],
  ['an empty object', '{}'],
  ['no file', '{"filename":"a"}'],
  ['no filename', `{${aGoodFile}}`],
  ['a file that is a number', '{"file":7,"filename":"a"}'],
  ['a file that is null', '{"file":null,"filename":"a"}'],
  ['a file that is an object', '{"file":{},"filename":"a"}'],
  ['a filename that is a number', `{"filename":7,${aGoodFile}}`],
  ['a late filename that is an array', `{${aGoodFile},"filename":["a"]}`],
  ['an empty filename', `{${aGoodFile},"filename":""}`],
  ['two files', `{${aGoodFile},${aGoodFile},"filename":"a"}`],
  ['two files, one in escapes', String.raw`{"file":"QUJD","\u0066ile":"QUJD","filename":"a"}`],
  ['two filenames', `{"filename":"a",${aGoodFile},"filename":"b"}`],
  ['a file deeper down only', `{"x":{${aGoodFile}},"filename":"a"}`],
  ['garbage after it', `{${aGoodFile},"filename":"a"}x`],
  ['another object after it', `{${aGoodFile},"filename":"a"}{}`],
  ['a comma too many', `{${aGoodFile},"filename":"a",}`],
  ['no comma', `{${aGoodFile} "filename":"a"}`],
  ['a colon too many', `{"filename":"a":${aGoodFile}}`],
  ['a value that is a key', `{"x":"file":"QUJD","filename":"a"}`],
  ['single quotes', "{'file':'QUJD','filename':'a'}"],
  ['a comment', `{/**/${aGoodFile},"filename":"a"}`],
  ['an unfinished file', '{"filename":"a","file":"QUJ'],
  ['an unfinished object', `{"filename":"a",${aGoodFile}`],
  ['an end before the file', '{"filename":"a","file":'],
  ['an end within an escape', String.raw`{"filename":"a","file":"\u00`],
  ['an escape that the string ends', String.raw`{"filename":"a","file":"\u00"}`],
  ['an unknown escape', String.raw`{"filename":"a","file":"\x41AAA"}`],
  ['an escaped quote in the file', String.raw`{"filename":"a","file":"AAA\""}`],
  ['an escaped line break in the file', String.raw`{"filename":"a","file":"AAAA\nAAA"}`],
  ['an escaped letter beyond base64 in the file', String.raw`{"filename":"a","file":"AAA\u00e9"}`],
  ['an escape of no hex in the file', String.raw`{"filename":"a","file":"AAA\u00zz"}`],
  ['base64 of a wrong length', '{"filename":"a","file":"QUJ"}'],
  ['base64 of padding only', '{"filename":"a","file":"===="}'],
  ['a lone surrogate in the name', `{"filename":"\\ud800",${aGoodFile}}`],
  ['a control character in the name', `{"filename":"a\\u0000",${aGoodFile}}`],
  ['a raw line break in the name', `{"filename":"a\n",${aGoodFile}}`],
  ['a byte order mark within', `{\ufeff${aGoodFile},"filename":"a"}`],
  ['mismatched brackets', `{"x":[},${aGoodFile},"filename":"a"]`],
  ['brackets closed before any is open', `}}{{{${aGoodFile},"filename":"a"}`],
  ['too deep nesting', `{"x":${'['.repeat(32)}${']'.repeat(32)},${aGoodFile},"filename":"a"}`],
  ['nesting without end', `{"x":${'['.repeat(60_000)}`],
  ['too much beside the file', `{"x":"${'x'.repeat(66_000)}",${aGoodFile},"filename":"a"}`],
  ['too much white space', `{${' '.repeat(66_000)}${aGoodFile},"filename":"a"}`],
])('refuses a body with %s', async (_, body) => {
  expect(await failureOf(scanJson(body))).toBe('INVALID_REQUEST')
  expect(await failureOf(scan(new JsonFileScanner(100), [Buffer.from(body)]))).toBe('INVALID_REQUEST')
})

test.each([
  ['in the name', ['{"filename":"', '\xff', '","file":"QUJD"}']],
  ['of an overlong form in the name', ['{"filename":"', '\xc0\xaf', '","file":"QUJD"}']],
  ['of a surrogate in the name', ['{"filename":"', '\xed\xa0\x80', '","file":"QUJD"}']],
  ['in another key', ['{"filename":"a","file":"QUJD","', '\xfe', '":1}']],
])('refuses bytes that are not UTF-8 %s', async (_, parts) => {
  expect(await failureOf(scanJson(Buffer.from(parts.join(''), 'latin1')))).toBe('INVALID_REQUEST')
})

test('refuses a broken beginning when the file begins, not after it', () => {
  expect(() => new JsonFileScanner(100).push(Buffer.from('{"x":tru,"file":"'))).toThrow('Invalid request')
})

test.each([0, 1, 2, 3, 4, 5, 100])('takes a file of the limit of %i bytes and refuses one byte more', async (limit) => {
  const body = (sizeBytes: number) => `{"file":"${Buffer.alloc(sizeBytes).toString('base64')}","filename":"a"}`
  expect((await scanJson(body(limit), limit)).bytes.toString()).toBe(Buffer.alloc(limit).toString('base64'))
  expect(await failureOf(scanJson(body(limit + 1), limit))).toBe('TOO_LARGE')
})

test('refuses a file over the limit as soon as its characters say so', () => {
  const scanner = new JsonFileScanner(3_000)
  scanner.push(Buffer.from(`{"file":"${'A'.repeat(4_000)}`))
  expect(() => scanner.push(Buffer.from('A'))).toThrow('File is too large')
})

const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/)

/** Writes a string with escapes wherever the given bits say so. */
function writeString(text: string, bits: readonly boolean[]): string {
  const escaped = Array.from({ length: text.length }, (_, index) => {
    const unit = text.charCodeAt(index)
    if (bits[index % bits.length]) return `\\u${unit.toString(16).padStart(4, '0')}`
    return text[index] === '/' && bits[(index + 1) % bits.length]
      ? '\\/'
      : JSON.stringify(text[index] ?? '').slice(1, -1)
  })
  return `"${escaped.join('')}"`
}

test('reads what JSON.parse reads, at any spacing, order, escapes and cut', async () => {
  const property = fc.asyncProperty(
    fc.uint8Array({ maxLength: 60 }),
    fileName,
    fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 }),
    fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }),
    fc.array(space, { minLength: 4, maxLength: 4 }),
    fc.array(fc.nat(), { maxLength: 12 }),
    fc.nat(),
    async (file, filename, others, bits, spaces, cuts, shift) => {
      const entries = Object.entries(others).filter(([key]) => key !== 'file' && key !== 'filename')
      const fields = [
        ...entries.map(([key, value]) => [JSON.stringify(key), JSON.stringify(value)]),
        [writeString('file', bits), writeString(Buffer.from(file).toString('base64'), bits)],
        [writeString('filename', bits), writeString(filename, bits)],
      ]
      const turned = [...fields.slice(shift % fields.length), ...fields.slice(0, shift % fields.length)]
      const [a = '', b = '', c = '', d = ''] = spaces
      const text = `${a}{${turned.map(([key, value]) => `${b}${key}${c}:${d}${value}${a}`).join(',')}}${b}`
      const expected = JSON.parse(text) as { file: string; filename: string }
      const scanned = await scan(new JsonFileScanner(60), cut(Buffer.from(text), cuts))
      expect(scanned.bytes.toString()).toBe(expected.file)
      expect(scanned.name).toBe(expected.filename.normalize('NFC'))
    },
  )
  await fc.assert(property, { numRuns: countOf(1_000, 200) })
})

test('agrees with JSON.parse on whether damaged text is JSON', async () => {
  const property = fc.asyncProperty(
    fc.nat(),
    fc.constantFrom('', '"', '\\', '{', '}', ',', ':', '[', ']', ' ', '\n', 'u', '/', 'A'),
    fc.array(fc.nat(), { maxLength: 6 }),
    async (place, insert, cuts) => {
      const good = '{"x":[1,{"y":"z\\n"}],"filename":"a","file":"QUJD","w":null}'
      const at = place % (good.length + 1)
      const text = good.slice(0, at) + insert + good.slice(insert === '' ? at + 1 : at)
      const outcome = await failureOf(scan(new JsonFileScanner(100), cut(Buffer.from(text), cuts)))
      let isJson = true
      try {
        JSON.parse(text)
      } catch {
        isJson = false
      }
      // Text that is JSON may still lack a field or be no base64. Text outside of the file that is no JSON is never taken.
      const isInFile = /"file":"[^"]*[\n\\]/.test(text)
      if (!isJson && !isInFile) expect(outcome).toBe('INVALID_REQUEST')
      else expect(['no error', 'INVALID_REQUEST']).toContain(outcome)
    },
  )
  await fc.assert(property, { numRuns: countOf(1_000, 200) })
})
