import { expect, test } from 'vitest'
import { chooseScanner } from '../../src/bodies/body-format.ts'
import { cut, everyByte, failureOf, scan } from './scan.ts'

const json = '{"filename":"a","file":"QUJD"}'
const form = 'filename=a&file=QUJD'
const read = async (contentType: string | undefined, body: string, maxFileBytes = 100) => {
  const headers = contentType === undefined ? {} : { 'content-type': contentType }
  return scan(chooseScanner(headers, maxFileBytes), everyByte(Buffer.from(body)))
}

test.each([
  ['application/json', json],
  ['Application/JSON; Charset="UTF-8"', json],
  ['application/json;charset=utf8', `\ufeff${json}`],
  ['application/x-www-form-urlencoded', json],
  ['application/x-www-form-urlencoded', ` \r\n\ufeff ${json}`],
  ['application/x-www-form-urlencoded', form],
  ['application/x-www-form-urlencoded; charset=utf-8', form],
  ['text/plain', json],
  ['text/plain; charset=utf-8', `\n${json}`],
  [undefined, json],
  ['', json],
])('reads a body of the content type %s: %s', async (contentType, body) => {
  const { name, bytes } = await read(contentType, body)
  expect([name, bytes.toString()]).toEqual(['a', 'QUJD'])
})

test.each([
  ['text/plain', form],
  ['text/html', json],
  ['application/octet-stream', json],
  ['application/json-seq', json],
  ['application/jsonx', json],
  ['json', json],
  ['image/png', ''],
  ['multipart/mixed; boundary=x', ''],
  ['application/json; charset=utf-16', json],
  ['application/json; charset=latin1', json],
  ['application/x-www-form-urlencoded; charset=iso-8859-1', form],
  [undefined, form],
])('refuses a body of the content type %s: %s', async (contentType, body) => {
  expect(await failureOf(read(contentType, body))).toBe('UNSUPPORTED_MEDIA')
})

test.each([
  ['text/plain', ''],
  [undefined, ' \n '],
  ['application/x-www-form-urlencoded', ''],
  ['application/json', ''],
  ['application/x-www-form-urlencoded', ' '.repeat(66_000)],
  ['multipart/form-data', ''],
])('refuses an empty body of the content type %s', async (contentType, body) => {
  expect(await failureOf(read(contentType, body))).toBe('INVALID_REQUEST')
})

test('chooses by the first byte wherever the body is cut', async () => {
  for (let place = 0; place <= json.length; place++) {
    const scanner = chooseScanner({ 'content-type': 'application/x-www-form-urlencoded' }, 100)
    expect((await scan(scanner, cut(Buffer.from(json), [place]))).name).toBe('a')
  }
})

test.each(['gzip', 'br', 'deflate, gzip', 'x'])('refuses the content encoding %s', (encoding) => {
  const choose = () => chooseScanner({ 'content-type': 'application/json', 'content-encoding': encoding }, 100)
  expect(choose).toThrow('Unsupported content type')
})

test('refuses a transfer coding that Node does not undo', () => {
  const choose = (coding: string) =>
    chooseScanner({ 'content-type': 'application/json', 'transfer-encoding': coding }, 100)
  expect(() => choose('gzip, chunked')).toThrow('Unsupported content type')
  expect(() => choose('Chunked')).not.toThrow()
})

test.each(['identity', 'Identity', ''])('takes the content encoding "%s"', async (encoding) => {
  const scanner = chooseScanner({ 'content-type': 'application/json', 'content-encoding': encoding }, 100)
  expect((await scan(scanner, [Buffer.from(json)])).name).toBe('a')
})

test.each([
  ['application/json', 3_000_000, 4_250_000 + 131_072],
  ['text/plain', 3_000_000, 4_250_000 + 131_072],
  ['application/x-www-form-urlencoded', 3_000_000, 12_000_000 + 131_072],
  ['multipart/form-data; boundary=x', 3_000_000, 4_000_000 + 131_072],
])('refuses %s for %i bytes by its length alone above %i', (contentType, maxFileBytes, most) => {
  const choose = (length: number) =>
    chooseScanner({ 'content-type': contentType, 'content-length': String(length) }, maxFileBytes)
  expect(() => choose(most + 1)).toThrow('File is too large')
  expect(() => choose(most)).not.toThrow()
})
