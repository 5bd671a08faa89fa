import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MultipartFileScanner } from '../../../src/bodies/formats/multipart-file-scanner.ts'
import { cut, everyByte, failureOf, fileName, scan } from '../scan.ts'

const contentType = 'multipart/form-data; boundary=----border'
const field = (disposition: string, content: string, headers = '') =>
  `------border\r\nContent-Disposition: form-data; ${disposition}\r\n${headers}\r\n${content}\r\n`
const body = (...fields: string[]) => Buffer.from(`${fields.join('')}------border--\r\n`, 'latin1')
const name = field('name="filename"', 'a')
const file = field('name="file"; filename="own.bin"', 'ABC', 'Content-Type: application/octet-stream\r\n')
const text = field('name="file"', 'QUJD')

const scanFields = (bytes: Buffer, maxFileBytes = 1_000_000) =>
  scan(new MultipartFileScanner(contentType, maxFileBytes), everyByte(bytes))

test.each([
  ['the name first', body(name, file), 'a', 'binary', 'ABC'],
  ['the file first', body(file, name), 'a', 'binary', 'ABC'],
  ['only the field to name it', body(file), 'own.bin', 'binary', 'ABC'],
  ['base64 text before the name', body(text, name), 'a', 'base64', 'QUJD'],
  ['base64 text after the name', body(name, text), 'a', 'base64', 'QUJD'],
  ['an empty file', body(name, field('name="file"; filename="x"', '')), 'a', 'binary', ''],
  ['an empty text', body(field('name="file"', ''), name), 'a', 'base64', ''],
  [
    'other fields',
    body(field('name="x"', 'y'), file, field('name="z"; filename="z"', 'z'), name),
    'a',
    'binary',
    'ABC',
  ],
  ['a path for a name', body(field('name="file"; filename="b/c"', 'ABC')), 'b/c', 'binary', 'ABC'],
  [
    'almost its boundary within',
    body(name, field('name="file"; filename="x"', 'A\r\n------borde')),
    'a',
    'binary',
    'A\r\n------borde',
  ],
  ['a preamble', Buffer.concat([Buffer.from('preamble\r\n'), body(file)]), 'own.bin', 'binary', 'ABC'],
  ['an epilogue', Buffer.concat([body(file), Buffer.from('epilogue')]), 'own.bin', 'binary', 'ABC'],
])('reads a body with %s', async (_, bytes, expectedName, encoding, content) => {
  expect(await scanFields(bytes)).toEqual({ name: expectedName, encoding, bytes: Buffer.from(content) })
  const atOnce = await scan(new MultipartFileScanner(contentType, 100), [bytes])
  expect(atOnce).toEqual({ name: expectedName, encoding, bytes: Buffer.from(content) })
})

test('tells a name before the file where there is one, and again where a field after it has another', async () => {
  const kinds = async (bytes: Buffer) => {
    const scanner = new MultipartFileScanner(contentType, 100)
    return [...(await scanner.push(bytes)), ...(await scanner.end())].map((event) => event.kind)
  }
  expect(await kinds(body(name, file))).toEqual(['name', 'file', 'bytes', 'file-end'])
  expect(await kinds(body(file))).toEqual(['name', 'file', 'bytes', 'file-end'])
  expect(await kinds(body(file, name))).toEqual(['name', 'file', 'bytes', 'file-end', 'name'])
  expect(await kinds(body(text, name))).toEqual(['file', 'bytes', 'file-end', 'name'])
})

test.each([
  ['nothing', Buffer.alloc(0)],
  ['no fields', body()],
  ['no file', body(name)],
  ['no name', body(text)],
  ['two files', body(name, file, file)],
  ['a file and a text', body(name, file, text)],
  ['two names', body(name, file, name)],
  ['an empty name', body(field('name="filename"', ''), file)],
  ['a name that is not UTF-8', body(field('name="filename"', '\xff'), file)],
  ['a field name that is not UTF-8', body(field('name="file"; filename="\xff"', 'ABC'))],
  ['a field name with a control character', body(field('name="file"; filename="a\x07"', 'ABC'))],
  ['a name of 256 bytes', body(field('name="filename"', 'a'.repeat(256)), file)],
  ['base64 of a wrong length', body(name, field('name="file"', 'QUJ'))],
  ['no last boundary', body(name, file).subarray(0, -6)],
  ['an end within the file', Buffer.from(`${name}${file}`.slice(0, -3))],
  ['an end within the headers', Buffer.from(`${name}------border\r\nContent-Dispo`)],
  ['another boundary', Buffer.from(body(name, file).toString().replaceAll('border', 'other'))],
  ['no boundary at all', Buffer.from('A'.repeat(1_000))],
  ['too many fields', body(...Array.from({ length: 101 }, () => field('name="x"', '')), name, file)],
  ['a file without a disposition', body(name, '------border\r\nContent-Type: text/plain\r\n\r\nABC\r\n')],
  ['a file field without a name', body(name, field('filename="x"', 'ABC'))],
])('refuses a body with %s', async (_, bytes) => {
  expect(await failureOf(scanFields(bytes))).toBe('INVALID_REQUEST')
  expect(await failureOf(scan(new MultipartFileScanner(contentType, 100), [bytes]))).toBe('INVALID_REQUEST')
})

test.each(['base64', 'quoted-printable'])('refuses a field that is %s by its own header', async (transferEncoding) => {
  const bytes = body(
    name,
    field('name="file"; filename="x"', 'ABC', `Content-Transfer-Encoding: ${transferEncoding}\r\n`),
  )
  expect(await failureOf(scanFields(bytes))).toBe('UNSUPPORTED_MEDIA')
})

test('refuses much before the first boundary and in fields that nobody asked for', async () => {
  const noise = Array.from({ length: 20 }, () => Buffer.alloc(65_536, 'x'))
  const preamble = scan(new MultipartFileScanner(contentType, 1e9), [...noise, body(name, file)])
  expect(await failureOf(preamble)).toBe('INVALID_REQUEST')
  const pieces = [Buffer.from(field('name="x"', '').slice(0, -2)), ...noise, body(name, file)]
  const other = scan(new MultipartFileScanner(contentType, 1e9), pieces)
  expect(await failureOf(other)).toBe('INVALID_REQUEST')
})

test.each([
  ['bytes', field('name="file"; filename="x"', 'ABCD'), field('name="file"; filename="x"', 'ABC')],
  ['base64', field('name="file"', 'QUJDRA=='), field('name="file"', 'QUJD')],
])('takes %s at the limit and refuses more', async (_, over, at) => {
  expect(await failureOf(scanFields(body(name, over), 3))).toBe('TOO_LARGE')
  expect((await scanFields(body(name, at), 3)).name).toBe('a')
})

test('refuses a content type without a boundary', () => {
  expect(() => new MultipartFileScanner('multipart/form-data', 100)).toThrow('Invalid request')
})

test('reads any bytes and any name, at any cut', async () => {
  const property = fc.asyncProperty(
    fc.uint8Array({ maxLength: 300 }),
    fileName,
    fc.array(fc.nat(), { maxLength: 12 }),
    fc.boolean(),
    async (bytes, filename, cuts, isNameFirst) => {
      const fields = [
        Buffer.from(field('name="filename"', filename)),
        Buffer.concat([Buffer.from(field('name="file"; filename="x"', '').slice(0, -2)), bytes, Buffer.from('\r\n')]),
      ]
      const whole = Buffer.concat([...(isNameFirst ? fields : fields.reverse()), body()])
      const scanned = await scan(new MultipartFileScanner(contentType, 1_000), cut(whole, cuts))
      expect(scanned.bytes).toEqual(Buffer.from(bytes))
      expect(scanned.name).toBe(filename.normalize('NFC'))
    },
  )
  await fc.assert(property, { numRuns: 300 })
})
